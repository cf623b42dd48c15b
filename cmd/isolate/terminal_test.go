package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A session is an interactive shell in a terminal, as a person has it.
type session struct {
	keyboard *os.File
	mu       sync.Mutex
	shown    strings.Builder
	seen     int // how much of it was waited for
}

// newSession starts bash with job control, with the command isolate in its PATH.
func newSession(t *testing.T) *session {
	t.Helper()
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "isolate")); err != nil {
		t.Fatal(err)
	}

	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0)
	n, err := unix.IoctlGetUint32(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()

	shell := exec.Command("bash", "--norc", "--noprofile", "--noediting", "-i")
	shell.Dir = t.TempDir()
	shell.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "PS1=prompt> ", "TERM=dumb", "HOME=" + t.TempDir(), "HISTFILE="}
	shell.Stdin, shell.Stdout, shell.Stderr = tty, tty, tty
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}

	s := &session{keyboard: keyboard}
	go s.look()
	t.Cleanup(func() {
		shell.Process.Kill()
		keyboard.Close() // hangs up what the shell has left
		shell.Wait()
	})
	return s
}

func (s *session) look() {
	buf := make([]byte, 4096)
	for {
		n, err := s.keyboard.Read(buf)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.shown.Write(buf[:n])
		s.mu.Unlock()
	}
}

// await waits for text after what was waited for before.
func (s *session) await(t *testing.T, text string) {
	t.Helper()
	for range 300 {
		s.mu.Lock()
		all := s.shown.String()
		at := strings.Index(all[s.seen:], text)
		if at >= 0 {
			s.seen += at + len(text)
		}
		s.mu.Unlock()
		if at >= 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Fatalf("never shown: %q; after what was waited for the screen has\n%s", text, s.shown.String()[s.seen:])
}

func (s *session) enter(keys string) { s.keyboard.WriteString(keys) }

func TestJobControl(t *testing.T) {
	s := newSession(t)
	s.await(t, "prompt> ")

	// Ctrl-C ends a loop, and the shell goes on.
	s.enter("isolate sh -c 'echo loo''ping; while :; do :; done'\n")
	s.await(t, "looping")
	s.enter("\x03")
	s.await(t, "prompt> ")
	s.enter("echo status=$?\n")
	s.await(t, "status=130")

	// Ctrl-Z stops it, fg continues it, and the terminal is the shell's between.
	s.enter("isolate sh -c 'echo rea''dy; read line; echo got $line'\n")
	s.await(t, "ready")
	s.enter("\x1a")
	s.await(t, "Stopped")
	s.enter("stty -a | grep -o ' icanon'; jobs\n")
	s.await(t, " icanon")
	s.await(t, "Stopped")
	s.enter("fg\n")
	s.await(t, "isolate sh -c")
	time.Sleep(300 * time.Millisecond) // typed at a person's speed
	s.enter("hel\x7flo\n")             // the line is edited inside
	s.await(t, "got helo")
	s.await(t, "prompt> ") // before that, what is typed is the program's

	// In the background it runs on and leaves the terminal alone.
	s.enter("isolate sh -c 'sleep 0.2; echo from the back''ground; read line; echo got $line' &\n")
	s.await(t, "from the background")
	s.enter("echo typed to the sh''ell\n")
	s.await(t, "typed to the shell")
	s.enter("fg\n")
	s.await(t, "isolate sh -c")
	time.Sleep(500 * time.Millisecond)
	s.enter("typed to it\n")
	s.await(t, "got typed to it")
	s.await(t, "prompt> ")

	// A shell inside has job control of its own.
	s.enter("isolate bash --norc --noediting -i\n")
	s.await(t, "bash-")
	s.enter("sleep 50\n")
	time.Sleep(300 * time.Millisecond)
	s.enter("\x1a")
	s.await(t, "Stopped")
	s.enter("jobs; kill %1; tty; exit\n")
	s.await(t, "Stopped")
	s.await(t, "/dev/pts/0")
	s.await(t, "prompt> ")

	// Whoever kills it gets a terminal that works.
	s.enter("isolate sh -c 'echo wai''ting; sleep 50' & sleep 0.5; fg\n")
	s.await(t, "waiting")
	s.enter("\x1a")
	s.await(t, "Stopped")
	s.enter("kill %1; wait %1; echo status=$?\n")
	s.await(t, "status=143")
	s.enter("stty -a | grep -o ' icanon'\n")
	s.await(t, " icanon")
}
