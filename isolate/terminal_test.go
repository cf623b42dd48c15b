package isolate

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/pty"
	"isolate-namespace/isolate/internal/descriptor"
)

// A console is a terminal as a person has it, outside.
type console struct{ *pty.Terminal }

func newConsole(t *testing.T) console {
	t.Helper()
	terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(terminal.Close)
	return console{terminal}
}

func (c console) await(t *testing.T, text string) {
	t.Helper()
	if err := c.Await(text); err != nil {
		t.Fatal(err)
	}
}

func (c console) modes(t *testing.T) unix.Termios {
	t.Helper()
	modes, err := unix.IoctlGetTermios(descriptor.Of(c.Program), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *modes
}

// start runs a shell command with the console for its terminal.
func (c console) start(t *testing.T, script string) *Cmd {
	t.Helper()
	cmd := Command(Policy{Dir: "/tmp"}, "sh", "-c", script)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Program, c.Program, c.Program
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestTerminalIsTheSandboxsOwn(t *testing.T) {
	c := newConsole(t)
	for range 8 { // so that the caller's is not called /dev/pts/0 by chance
		newConsole(t)
	}
	before := c.modes(t)
	cmd := c.start(t, `tty; readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2; echo /dev/pts/*; : </dev/tty && echo has a controlling terminal; read line; echo "read $line"`)
	c.await(t, "has a controlling terminal")
	if during := c.modes(t); during.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 {
		t.Errorf("the caller's terminal is not in raw mode: %#x", during.Lflag)
	}

	c.Type("hello\r")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if after := c.modes(t); after != before {
		t.Errorf("modes are %+v, were %+v", after, before)
	}
	want := strings.Repeat("/dev/pts/0\r\n", 4) + "/dev/pts/0 /dev/pts/ptmx\r\nhas a controlling terminal\r\nhello\r\nread hello\r\n"
	c.await(t, "read hello\r\n")
	if got := c.Screen(); got != want {
		t.Errorf("the terminal shows\n%q, want\n%q", got, want)
	}
}

func TestTerminalInterrupts(t *testing.T) {
	for _, test := range []struct {
		name, key string
		want      int
	}{
		{"Ctrl-C", "\x03", 128 + int(unix.SIGINT)},
		{"Ctrl-backslash", "\x1c", 128 + int(unix.SIGQUIT)},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newConsole(t)
			before := c.modes(t)
			cmd := c.start(t, "echo ready; exec sleep 100")
			c.await(t, "ready")
			c.Type(test.key)
			if got := ExitCode(cmd.Wait()); got != test.want {
				t.Errorf("status %d, want %d", got, test.want)
			}
			if c.modes(t) != before {
				t.Error("the caller's terminal was not restored")
			}
		})
	}
}

func TestTerminalHasTheSizeOfTheCallers(t *testing.T) {
	c := newConsole(t)
	resize := func(rows, columns uint16) {
		if err := unix.IoctlSetWinsize(descriptor.Of(c.Program), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
			t.Fatal(err)
		}
	}
	resize(33, 77)
	cmd := c.start(t, `trap 'stty size; exit 0' WINCH; stty size; while :; do sleep 0.05; done`)
	c.await(t, "33 77")
	resize(44, 55)
	unix.Kill(unix.Getpid(), unix.SIGWINCH) // the console is not our controlling terminal
	c.await(t, "44 55")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// Each stream that is a terminal outside is one inside, of the sandbox's own.
func TestTerminalForSomeStreams(t *testing.T) {
	for _, test := range []struct {
		streams string // 1 and 2 are terminals, - is a buffer
		want    string
	}{
		{"111", "/dev/pts/0 /dev/pts/0 /dev/pts/0 tty"},
		{"11-", "/dev/pts/0 /dev/pts/0 pipe tty"},
		{"1-1", "/dev/pts/0 pipe /dev/pts/0 tty"},
		{"1--", "/dev/pts/0 pipe pipe tty"},
		{"-11", "pipe /dev/pts/0 /dev/pts/0 tty"},
		{"-1-", "pipe /dev/pts/0 pipe tty"},
		{"--1", "pipe pipe /dev/pts/0 tty"},
		{"---", "pipe pipe pipe"},
		{"112", "/dev/pts/0 /dev/pts/0 /dev/pts/1 tty"},
		{"122", "/dev/pts/0 /dev/pts/1 /dev/pts/1 tty"},
		{"-12", "pipe /dev/pts/0 /dev/pts/1 tty"},
		{"1-2", "/dev/pts/0 pipe /dev/pts/1 tty"},
	} {
		t.Run(test.streams, func(t *testing.T) {
			for range 3 { // so that the caller's has another number
				newConsole(t)
			}
			one, two := newConsole(t), newConsole(t)
			before := [2]unix.Termios{one.modes(t), two.modes(t)}
			dir := t.TempDir()
			cmd := Command(in(dir), "sh", "-c", `{ readlink /proc/$$/fd/0; readlink /proc/$$/fd/1; readlink /proc/$$/fd/2; } | sed 's/:.*//' >links
				(: </dev/tty) 2>/dev/null && echo tty >>links; echo out; echo err >&2; test -t 0 && read line && echo read $line >>links; :`)
			var buffers [2]bytes.Buffer
			stream := func(i int, buffer *bytes.Buffer) io.ReadWriter {
				switch test.streams[i] {
				case '1':
					return one.Program
				case '2':
					return two.Program
				}
				return buffer
			}
			cmd.Stdin, cmd.Stdout, cmd.Stderr = stream(0, new(bytes.Buffer)), stream(1, &buffers[0]), stream(2, &buffers[1])
			if test.streams[0] == '1' {
				one.Type("line\r")
				test.want += " read line"
			}
			if err := cmd.Run(); err != nil {
				t.Error(err)
			}

			links, err := os.ReadFile(filepath.Join(dir, "links"))
			if got := strings.Join(strings.Fields(string(links)), " "); err != nil || got != test.want {
				t.Errorf("%v: %q, want %q", err, got, test.want)
			}
			for i, text := range []string{"out", "err"} {
				switch test.streams[i+1] {
				case '1':
					one.await(t, text+"\r\n")
				case '2':
					two.await(t, text+"\r\n")
				default:
					if got := buffers[i].String(); got != text+"\n" {
						t.Errorf("stream %d: %q", i+1, got)
					}
				}
			}
			if now := [2]unix.Termios{one.modes(t), two.modes(t)}; now != before {
				t.Errorf("modes are %+v, were %+v", now, before)
			}
		})
	}
}

// Where no shell could continue us, a program that stops itself goes on.
func TestTerminalWithoutJobControl(t *testing.T) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), roleVariable+"=stopper")
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if out, err := child.CombinedOutput(); err != nil || string(bytes.ReplaceAll(out, []byte("\r"), nil)) != "before\nafter\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

// stopperRole runs a program in a terminal of its own, by default one that
// stops itself.
func stopperRole(args []string) int {
	c, err := pty.Open()
	if err != nil {
		fmt.Println(err)
		return 2
	}
	if len(args) == 0 {
		args = []string{"sh", "-c", "echo before; kill -TSTP $$; echo after"}
	}
	cmd := Command(Policy{Dir: "/tmp"}, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Program, c.Program, c.Program
	code := ExitCode(cmd.Run())
	time.Sleep(100 * time.Millisecond) // for the last of the screen
	fmt.Print(c.Screen())
	return code
}

// Output that goes to another terminal than the program's goes there.
func TestAnotherTerminal(t *testing.T) {
	c, other := newConsole(t), newConsole(t)
	cmd := Command(in(t.TempDir()), "sh", "-c", "echo out; echo err >&2; test -t 1 && echo terminal")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Program, c.Program, other.Program
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	c.await(t, "terminal")
	other.await(t, "err")
	if strings.Contains(c.Screen(), "err") {
		t.Errorf("the program's terminal shows\n%s", c.Screen())
	}
}
