package isolate

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inheritedAttacks use a descriptor of a directory that the caller had open
// and didn't mark for closing (CVE-2024-21626, CVE-2016-9962).
func inheritedAttacks() []attack {
	const most = 256
	each := func(try func(fd int) error) func(*world) error {
		return func(*world) error {
			for fd := 3; fd < most; fd++ {
				if try(fd) == nil {
					return nil
				}
			}
			return errRefused
		}
	}

	at := func(name string, try func(w *world) error) attack { return attack{name, plainly, try} }
	return []attack{
		at("reads through an inherited descriptor", each(func(fd int) error { return reads(fmt.Sprintf("/proc/self/fd/%d/secret", fd)) })),
		at("opens a file by an inherited descriptor", each(func(fd int) error {
			_, err := unix.Openat(fd, "secret", unix.O_RDONLY, 0)
			return err
		})),
		at("changes to an inherited descriptor's directory", each(func(fd int) error {
			if err := unix.Fchdir(fd); err != nil {
				return err
			}
			return reads("secret")
		})),
		at("climbs from an inherited descriptor", each(func(fd int) error {
			return exists(fmt.Sprintf("/proc/self/fd/%d/../outside/secret", fd))
		})),
		at("reads through its parent's inherited descriptor", each(func(fd int) error {
			return reads(fmt.Sprintf("/proc/%d/fd/%d/secret", os.Getppid(), fd))
		})),
	}
}

// A working directory or a program that is named by a descriptor of the
// caller's would be one of the host's (CVE-2024-21626).
func TestPathsOfDescriptors(t *testing.T) {
	w := newWorld(t)
	fd := fmt.Sprintf("/proc/self/fd/%d", w.leaked)
	plain := exec.Command("cat", "secret")
	plain.Dir = fd
	if out, err := plain.CombinedOutput(); err != nil || string(out) != secret {
		t.Errorf("without a sandbox: %v, %s; it shows nothing", err, out)
	}
	if err := exec.Command(fd + "/program").Run(); err != nil {
		t.Errorf("without a sandbox: %v; it shows nothing", err)
	}

	p := in(w.Work)
	p.Dir = fd
	out, err := sh(t, p, "cat secret")
	var setup *SetupError
	if !errors.As(err, &setup) || setup.Path != fd {
		t.Errorf("with %s as its working directory: %v, %q", fd, err, out)
	}
	var exec *ExecError
	if err := Command(in(w.Work), fd+"/program").Run(); !errors.As(err, &exec) {
		t.Errorf("with %s/program as the program: %v", fd, err)
	}
}

// A socket belongs to the network that it was made in. One of the caller's,
// connected again, would reach the whole of it, and names its interfaces.
func TestSocketIsNotHandedIn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()

	script := fmt.Sprintf(`python3 -c '
import ctypes, os, socket, struct, sys
s = socket.socket(fileno=0)
ctypes.CDLL(None).connect(0, struct.pack("=HHQQ", socket.AF_UNSPEC, 0, 0, 0), 16)
s.connect(("127.0.0.1", %d))
print("connected anew")'`, l.Addr().(*net.TCPAddr).Port)
	for _, inside := range []bool{false, true} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		file, err := conn.(*net.TCPConn).File()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		var out strings.Builder
		if inside {
			c := Command(in(t.TempDir()), "sh", "-c", script)
			c.Stdin, c.Stdout, c.Stderr = file, &out, io.Discard
			err = c.Run()
		} else {
			c := exec.Command("sh", "-c", script)
			c.Stdin, c.Stdout, c.Stderr = file, &out, os.Stderr
			err = c.Run()
		}
		file.Close()
		if reached := out.String() == "connected anew\n"; reached == inside {
			t.Errorf("inside %v: %v, %q", inside, err, &out)
		}
	}
}
