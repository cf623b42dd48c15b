package attack

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// networkAttacks reach other programs of the machine.
func networkAttacks() []Attack {
	at := func(name string, try func(w *World) error) Attack { return Attack{name, Plainly, try} }
	dial := func(network, address string) error {
		c, err := net.DialTimeout(network, address, 2*time.Second)
		if err == nil {
			c.Close()
		}
		return err
	}

	socket := func(family, kind, protocol int) error {
		fd, err := unix.Socket(family, kind, protocol)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
	return []Attack{
		at("connects to a service on the loopback interface", func(w *World) error { return dial("tcp4", fmt.Sprintf("127.0.0.1:%d", w.Port)) }),
		at("connects to it by another address", func(w *World) error { return dial("tcp4", fmt.Sprintf("0.0.0.0:%d", w.Port)) }),
		at("finds its port in use", func(w *World) error {
			l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", w.Port))
			if err == nil {
				l.Close()
				return errRefused
			}
			return nil
		}),
		at("sees its port", func(w *World) error { return containsIn("/proc/net/tcp", fmt.Sprintf(":%04X", w.Port)) }),
		at("connects to an abstract socket", func(w *World) error { return dial("unix", "@"+w.Abstract) }),
		at("sees an abstract socket", func(w *World) error { return containsIn("/proc/net/unix", w.Abstract) }),
		at("connects to a socket in the file system", func(w *World) error { return dial("unix", w.Pathname) }),
		at("sees a socket in the file system", func(w *World) error { return containsIn("/proc/net/unix", w.Pathname) }),
		at("attaches to shared memory", func(w *World) error {
			memory, err := unix.SysvShmAttach(w.Segment, 0, 0)
			if err == nil {
				unix.SysvShmDetach(memory)
			}
			return err
		}),
		at("asks about shared memory", func(w *World) error {
			var about unix.SysvShmDesc
			_, err := unix.SysvShmCtl(w.Segment, unix.IPC_STAT, &about)
			return err
		}),
		at("sees shared memory", func(w *World) error {
			data, err := os.ReadFile("/proc/sysvipc/shm")
			if err == nil && !bytes.Contains(data, []byte(fmt.Sprintf(" %d ", w.Segment))) {
				return errRefused
			}
			return err
		}),
		at("opens the device-event netlink", func(*World) error { return socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_KOBJECT_UEVENT) }),
		at("opens the generic netlink", func(*World) error { return socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC) }),
		at("opens the socket-diagnosis netlink", func(*World) error { return socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_SOCK_DIAG) }),
	}
}
