package isolate

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sh runs a shell script in a sandbox under p and returns what it wrote.
func sh(t *testing.T, p Policy, script string) (stdout string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	c := Command(p, "sh", "-c", script)
	c.Stdout, c.Stderr = &out, &errs
	err = c.Run()
	if errs.Len() > 0 {
		t.Logf("stderr: %s", &errs)
	}
	return out.String(), err
}

// in returns a policy whose only mount is dir, which is also where the program is.
func in(dir string) Policy {
	return Policy{Mounts: []Mount{Writable(dir)}, Dir: dir, Home: "/home/tester"}
}

func TestExitCode(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "noexec"), []byte("#!/bin/sh\n"), 0o644)
	os.WriteFile(filepath.Join(dir, "garbage"), []byte{1, 2, 3}, 0o755)
	cases := []struct {
		name string
		argv []string
		want int
	}{
		{"success", []string{"true"}, 0},
		{"the program's own", []string{"sh", "-c", "exit 7"}, 7},
		{"a signal", []string{"sh", "-c", "kill -TERM $$"}, 143},
		{"the signal that can't be caught", []string{"sh", "-c", "kill -KILL $$"}, 137},
		{"not found in PATH", []string{"no-such-program"}, 127},
		{"not found as a path", []string{"./no-such-program"}, 127},
		{"no permission", []string{"./noexec"}, 126},
		{"no program", []string{"./garbage"}, 126},
		{"empty name", []string{""}, 127},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := Command(in(dir), c.argv[0], c.argv[1:]...).Run()
			if got := ExitCode(err); got != c.want {
				t.Errorf("ExitCode(%v) = %d, want %d", err, got, c.want)
			}
		})
	}

	t.Run("no sandbox", func(t *testing.T) {
		p := in(dir)
		p.Mounts = append(p.Mounts, Writable("/no/such/a"), Writable("/no/such/b"))
		err := Command(p, "true").Run()
		if got := ExitCode(err); got != 125 {
			t.Errorf("ExitCode(%v) = %d, want 125", err, got)
		}
		if !strings.Contains(err.Error(), "/no/such/a, /no/such/b") {
			t.Errorf("%q: want every missing source named", err)
		}
	})
}

func TestStreams(t *testing.T) {
	dir := t.TempDir()
	var out, errs bytes.Buffer
	c := Command(in(dir), "sh", "-c", "cat; echo problem >&2")
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(strings.Repeat("x", 1<<20)), &out, &errs
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	if out.Len() != 1<<20 || errs.String() != "problem\n" {
		t.Errorf("%d bytes of output, errors %q", out.Len(), &errs)
	}
}

// A file of the caller is copied through a pipe: the program can't open it
// again with other rights.
func TestFileIsNotHandedIn(t *testing.T) {
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(file, "secret of an earlier run")
	c := Command(in(dir), "sh", "-c", "readlink /proc/self/fd/1")
	c.Stdout = file
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	content, _ := os.ReadFile(file.Name())
	if !strings.Contains(string(content), "pipe:[") {
		t.Errorf("standard output inside is %q, want a pipe", content)
	}
}

// What a pipe of the caller's brings next is for others too, a shell that reads
// commands from it, say: the program can't add to it.
func TestPipeIsNotHandedIn(t *testing.T) {
	for _, handed := range []bool{false, true} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, "for the program\n")
		c := Command(in(t.TempDir()), "sh", "-c", "read line; echo injected >/proc/self/fd/0")
		if c.Stdin = r; handed { // the control
			c.Stdin = OwnPipe{r}
		}
		if err := c.Run(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if rest, _ := io.ReadAll(r); strings.Contains(string(rest), "injected") != handed {
			t.Errorf("handed in: %v; the caller reads %q next", handed, rest)
		}
	}
}

func TestSignalReachesTheGroupOnce(t *testing.T) {
	r, w := io.Pipe()
	c := Command(in(t.TempDir()), "sh", "-c", `trap 'echo got' INT; echo ready; while :; do sleep 0.05; done`)
	c.Stdout = w
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	r.Read(line)
	if err := c.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}

	n, _ := r.Read(line)
	time.AfterFunc(300*time.Millisecond, func() { c.Signal(unix.SIGKILL) })
	rest := make(chan []byte)
	go func() { b, _ := io.ReadAll(r); rest <- b }()
	err := c.Wait()
	w.Close()
	if got := string(line[:n]) + string(<-rest); got != "got\n" {
		t.Errorf("the program's trap said %q, want it once", got)
	}
	if ExitCode(err) != 137 {
		t.Errorf("after SIGKILL: %v", err)
	}
}

func TestEverythingInsideEndsWithTheProgram(t *testing.T) {
	mark := fmt.Sprintf("86399.%d", os.Getpid())
	if _, err := sh(t, in(t.TempDir()), "setsid sleep "+mark+" & (sleep "+mark+" &) ; true"); err != nil {
		t.Fatal(err)
	}
	if left := processes(t, mark); left != nil {
		t.Errorf("still running: %v", left)
	}
}

// processes returns the command lines of the machine's processes that contain mark.
func processes(t *testing.T, mark string) []string {
	t.Helper()
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var found []string
	for _, path := range paths {
		if line, err := os.ReadFile(path); err == nil && bytes.Contains(line, []byte(mark)) {
			found = append(found, string(line))
		}
	}
	return found
}

// callerRole runs a program in a sandbox and waits for it.
func callerRole(args []string) int {
	c := Command(in(args[0]), args[1], args[2:]...)
	c.Stdout = os.Stdout
	err := c.Run()
	if err != nil {
		var setup *SetupError
		errors.As(err, &setup)
		fmt.Fprintf(os.Stderr, "%v: %#v\n", err, setup)
		if setup != nil && setup.Where != nil {
			fmt.Fprintf(os.Stderr, "refused: %v\nmasks: %v\n", setup.Where.Refused, setup.Where.Masks)
		}
	}
	return ExitCode(err)
}

func TestEverythingInsideEndsWithTheCaller(t *testing.T) {
	mark := fmt.Sprintf("86398.%d", os.Getpid())
	caller := exec.Command("/proc/self/exe", t.TempDir(), "sh", "-c", "echo ready; setsid sleep "+mark+" & sleep "+mark)
	caller.Env = append(os.Environ(), roleVariable+"=caller")
	out, err := caller.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := caller.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}

	if processes(t, mark) == nil {
		t.Fatal("nothing runs that could outlive the caller")
	}
	caller.Process.Kill()
	caller.Wait()
	deadline := time.Now().Add(5 * time.Second)
	for processes(t, mark) != nil {
		if time.Now().After(deadline) {
			t.Fatalf("the caller was killed and these live on: %v", processes(t, mark))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestDial(t *testing.T) {
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		t.Fatal("this test runs a server in python3: apt-get install python3")
	}

	// No directory of the host's lies in /tmp, so that a socket can be made there.
	c := Command(Policy{Dir: "/"}, "/usr/bin/python3", "-c", `
import socket
for s, where in ((socket.socket(), ("127.0.0.1", 4321)), (socket.socket(socket.AF_UNIX), "/tmp/s")):
    s.bind(where); s.listen()
    print("ready", flush=True)
    c, peer = s.accept(); c.sendall(b"hello, " + (peer[0].encode() if peer else b"nameless")); c.close()
`)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}

	c.Stdout, c.Stderr = OwnPipe{w}, os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()

	lines := bufio.NewReader(r)
	for _, test := range []struct {
		dial func() (*os.File, error)
		want string
	}{
		{func() (*os.File, error) { return c.DialTCP(4321) }, "hello, 127.0.0.2"},
		{func() (*os.File, error) { return c.DialUnix("/tmp/s") }, "hello, nameless"},
	} {
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		f, err := test.dial()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(f); string(got) != test.want {
			t.Errorf("read %q, %v", got, err)
		}
		f.Close()
	}

	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := c.DialTCP(4321); err == nil {
		t.Error("dialed into a sandbox that has ended")
	}
}

func TestNetwork(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	script := fmt.Sprintf(`/usr/bin/python3 -c 'import socket; socket.create_connection(("127.0.0.1", %d), 5)' 2>&1`,
		listener.Addr().(*net.TCPAddr).Port)
	p := in(t.TempDir())
	if out, err := sh(t, p, script); err == nil || !strings.Contains(out, "refused") {
		t.Errorf("without a network: %v, %s", err, out)
	}
	p.Network = NetworkHost
	if out, err := sh(t, p, script); err != nil {
		t.Errorf("with the host's: %v, %s", err, out)
	}
}

func TestStartTwice(t *testing.T) {
	c := Command(in(t.TempDir()), "true")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	var setup *SetupError
	if err := c.Start(); !errors.As(err, &setup) {
		t.Errorf("a second Start: %v", err)
	}
}

// Starting and ending leaves nothing in the caller: no descriptor, no mount,
// no child.
func TestNothingIsLeftInTheCaller(t *testing.T) {
	dir := t.TempDir()
	run := func() {
		Command(in(dir), "true").Run()
		Command(in(dir), "no-such-program").Run()
		p := in(dir)
		p.Dir = "/not/there"
		Command(p, "true").Run()
	}
	run()
	count := func(path string) int { entries, _ := os.ReadDir(path); return len(entries) }
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	descriptors := count("/proc/self/fd")
	for range 20 {
		run()
	}

	if now := count("/proc/self/fd"); now > descriptors {
		t.Errorf("%d descriptors before, %d after", descriptors, now)
	}
	if now, _ := os.ReadFile("/proc/self/mountinfo"); !bytes.Equal(now, mounts) {
		t.Errorf("mounts before:\n%s\nafter:\n%s", mounts, now)
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("a child is left: %d, %v", pid, err)
	}
	if count(dir) != 0 {
		t.Error("something was left in the mounted directory")
	}
}

// An attempt to connect to a port where nobody listens may start at that very
// port. From the address of the port TCP connects it to itself, the control;
// from ours it is refused.
func TestDialIsNotAnsweredByItself(t *testing.T) {
	for source, want := range map[[4]byte]error{{127, 0, 0, 1}: nil, dialSource.Addr: unix.ECONNREFUSED} {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: source}); err != nil {
			t.Fatal(err)
		}
		bound, _ := unix.Getsockname(fd)
		port := bound.(*unix.SockaddrInet4).Port
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != want {
			t.Errorf("from %v: %v, not %v", source, err, want)
		}
	}
}

// A process that couldn't start a program goes on to hear what it would have given to the
// program.
func TestSignalsWithoutAProgram(t *testing.T) {
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, unix.SIGWINCH)
	defer signal.Stop(heard)
	c := Command(Policy{Mounts: []Mount{ReadOnly("/nonexistent")}}, "true")
	c.Signals = []unix.Signal{unix.SIGWINCH}
	if err := c.Start(); err == nil {
		t.Fatal("it was started")
	}
	unix.Kill(os.Getpid(), unix.SIGWINCH)
	select {
	case <-heard:
	case <-time.After(10 * time.Second):
		t.Error("the signal is lost")
	}
}

func TestSignalsThatNobodyCanCatch(t *testing.T) {
	for _, sig := range []unix.Signal{-1, 0, unix.SIGKILL, unix.SIGSEGV, unix.SIGURG, 32, 64, 1 << 20} {
		c := Command(Policy{Dir: "/"}, "true")
		c.Signals = []unix.Signal{sig}
		var setup *SetupError
		if err := c.Run(); !errors.As(err, &setup) || setup.Doing != "pass on" {
			t.Errorf("%d: %v", int(sig), err)
		}
	}
}
