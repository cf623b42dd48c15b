package attack

import (
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/pty"
)

// callAttacks use parts of the kernel through which programs have left other sandboxes.
func callAttacks() []Attack {
	plain := func(name string, try func(w *World) error) Attack { return Attack{name, Plainly, try} }
	number := func(nr uintptr, args ...uintptr) error {
		if e := raw(nr, args...); e != 0 {
			return e
		}
		return nil
	}
	socket := func(family, kind, protocol uintptr) func(*World) error {
		return func(*World) error { return number(unix.SYS_SOCKET, family, kind, protocol) }
	}
	return []Attack{
		plain("adds a key", func(*World) error {
			_, err := unix.AddKey("user", "isolate-test", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
			return err
		}),
		plain("looks at its session's keys", func(*World) error {
			_, err := unix.KeyctlInt(unix.KEYCTL_GET_KEYRING_ID, unix.KEY_SPEC_SESSION_KEYRING, 1, 0, 0)
			return err
		}),
		plain("joins a keyring by its name", func(*World) error {
			_, err := unix.KeyctlJoinSessionKeyring("isolate-test")
			return err
		}),
		plain("reads another's memory by process_vm_readv", func(w *World) error {
			return moveMemory(unix.SYS_PROCESS_VM_READV, w.Victim, w.Mapping)
		}),
		plain("writes another's memory by process_vm_writev", func(w *World) error {
			return moveMemory(unix.SYS_PROCESS_VM_WRITEV, w.Victim, w.Mapping)
		}),
		plain("opens another's memory", func(w *World) error { _, err := os.Open(fmt.Sprintf("/proc/%d/mem", w.Victim)); return err }),
		plain("traces another", func(w *World) error { return unix.PtraceSeize(w.Victim) }),
		plain("takes a descriptor of its own by pidfd_getfd", func(*World) error {
			self, err := unix.PidfdOpen(os.Getpid(), 0)
			if err != nil {
				return err
			}
			_, err = unix.PidfdGetfd(self, 1, 0)
			return err
		}),
		plain("takes another's descriptor by pidfd_getfd", func(w *World) error {
			victim, err := unix.PidfdOpen(w.Victim, 0)
			if err != nil {
				return err
			}
			_, err = unix.PidfdGetfd(victim, 0, 0)
			return err
		}),
		plain("makes a generic netlink by a higher half", func(*World) error {
			return number(unix.SYS_SOCKET, 1<<32|unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC)
		}),
		plain("makes an audit netlink", socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT)),
		plain("makes a multipath socket", socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP)),
		plain("makes a multipath socket by a higher half", func(*World) error {
			return number(unix.SYS_SOCKET, 1<<32|unix.AF_INET6, unix.SOCK_STREAM, 1<<32|unix.IPPROTO_MPTCP)
		}),
		plain("changes its personality to one that maps the zero page", func(*World) error {
			return number(unix.SYS_PERSONALITY, 0x0100000) // MMAP_PAGE_ZERO
		}),
		plain("reads clocks' adjustment", func(*World) error { _, err := unix.Adjtimex(&unix.Timex{}); return err }),
		plain("types into its terminal", func(*World) error { return typeInto(0) }),
		plain("types into its terminal by a higher half", func(*World) error { return typeInto(1 << 32) }),
		plain("gives its terminal another line discipline", func(*World) error {
			return number(unix.SYS_IOCTL, terminalFile().Fd(), unix.TIOCSETD, cString("\x00\x00\x00\x00"))
		}),
		plain("asks where a file lies on the disk", func(*World) error {
			return number(unix.SYS_IOCTL, open("/usr/bin/env").Fd(), fiemap, cString(wholeFile))
		}),
		plain("has itself told of a directory's changes", func(w *World) error {
			return number(unix.SYS_FCNTL, open(w.Work).Fd(), unix.F_NOTIFY, dnModify)
		}),
		plain("sends urgent data on a Unix socket", func(*World) error {
			return number(unix.SYS_SENDTO, uintptr(newSocket()), cString("x"), 1, unix.MSG_OOB|unix.MSG_NOSIGNAL, 0, 0)
		}),
		plain("opens the machine's message queue", func(w *World) error {
			return number(unix.SYS_MQ_OPEN, cString(w.Queue), unix.O_RDONLY, 0, 0)
		}),
		plain("finds the machine's semaphores", func(w *World) error {
			return number(unix.SYS_SEMGET, uintptr(w.Semaphore), 1, 0)
		}),
		plain("asks about memory policy", func(*World) error { return number(unix.SYS_GET_MEMPOLICY, 0, 0, 0, 0, 0) }),
		plain("opens by openat2, whose mode no filter sees", func(w *World) error {
			fd, err := unix.Openat2(unix.AT_FDCWD, "own", &unix.OpenHow{Flags: unix.O_RDONLY})
			if err == nil {
				unix.Close(fd)
			}
			return err
		}),
	}
}

// typeInto makes a terminal, takes it for its own, and puts a letter into it as
// if it were typed: what gave CVE-2017-5226 its way out of bubblewrap.
func typeInto(high uintptr) error {
	unix.Setsid()
	terminal, err := pty.Open() // whose keyboard stays open: a hang-up would end this process before it has told
	if err != nil {
		return err
	}
	defer terminal.Program.Close()
	tty := int(terminal.Program.Fd())
	unix.IoctlSetInt(tty, unix.TIOCSCTTY, 0)
	switch e := raw(unix.SYS_IOCTL, uintptr(tty), high|unix.TIOCSTI, cString("x")); e {
	case 0, unix.EIO: // where dev.tty.legacy_tiocsti is 0 the kernel refuses everybody
		return nil
	default:
		return e
	}
}

// moveMemory moves 8 bytes between a process's memory and ours. To write where
// its program is mapped fails for the mapping, once it has been found.
func moveMemory(call uintptr, pid int, address uint64) error {
	var bytes [8]byte
	local := unix.Iovec{Base: &bytes[0], Len: uint64(len(bytes))}
	remote := unix.RemoteIovec{Base: uintptr(address), Len: len(bytes)}
	_, _, errno := unix.Syscall6(call, uintptr(pid), uintptr(unsafe.Pointer(&local)), 1, uintptr(unsafe.Pointer(&remote)), 1, 0)
	if errno == 0 || errno == unix.EFAULT {
		return nil
	}
	return errno
}

// leftoverAttacks leave something in the directory that is shared with the
// host, for whoever opens or executes it there.
func leftoverAttacks() []Attack {
	at := func(name string, try func(w *World) error) Attack { return Attack{name, Plainly, try} }
	setID := func(mode uint32) func(*World) error {
		return func(w *World) error {
			path := filepath.Join(w.Work, fmt.Sprintf("set-id-%o", mode))
			if err := os.WriteFile(path, nil, 0o700); err != nil {
				return err
			}
			return unix.Chmod(path, mode)
		}
	}
	return []Attack{
		at("plants a link to a file", func(w *World) error { return os.Symlink(filepath.Join(w.Outside, "secret"), "planted") }),
		at("plants a link of a notebook's name", func(*World) error { return os.Symlink("/etc/passwd", "ps1.ipynb") }),
		at("plants a link in a deeper directory", func(*World) error { return os.Symlink("..", "sub/up") }),
		at("plants a link to a process's descriptor", func(*World) error { return os.Symlink("/proc/self/fd/1", "out") }),
		at("plants a named pipe", func(*World) error { return unix.Mkfifo("pipe", 0o666) }),
		at("plants a socket", func(*World) error {
			s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			return unix.Bind(s, &unix.SockaddrUnix{Name: "sub/socket"})
		}),
		at("plants a whiteout", func(*World) error { return unix.Mknod("whiteout", unix.S_IFCHR, 0) }),
		at("leaves a whiteout by a rename", func(*World) error {
			os.WriteFile("moving", nil, 0o600)
			return unix.Renameat2(unix.AT_FDCWD, "moving", unix.AT_FDCWD, "gone", unix.RENAME_WHITEOUT)
		}),
		at("plants a set-user-id program", setID(0o4755)),
		at("plants a set-group-id program", setID(0o2755)),
		at("plants one in the making", func(*World) error {
			fd, err := unix.Open("set-id-made", unix.O_CREAT|unix.O_WRONLY, 0o4755)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}),
		at("makes a directory pass its group on", func(*World) error { return unix.Chmod("sub", 0o2755) }),
	}
}
