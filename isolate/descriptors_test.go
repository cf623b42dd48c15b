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

	"isolate-namespace/isolate/internal/attack"
)

// A working directory or a program that is named by a descriptor of the
// caller's would be one of the host's (CVE-2024-21626).
func TestPathsOfDescriptors(t *testing.T) {
	w := newWorld(t)
	fd := fmt.Sprintf("/proc/self/fd/%d", w.Leaked())
	plain := exec.Command("cat", "secret")
	plain.Dir = fd
	if out, err := plain.CombinedOutput(); err != nil || string(out) != attack.Secret {
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
