package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"isolate-namespace/internal/pty"
)

// A session is an interactive shell in a terminal, as a person has it.
type session struct{ *pty.Terminal }

// newSession starts bash with job control, with the command isolate in its PATH.
func newSession(t *testing.T) session {
	t.Helper()
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "isolate")); err != nil {
		t.Fatal(err)
	}

	terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}

	shell := exec.Command("bash", "--norc", "--noprofile", "--noediting", "-i")
	shell.Dir = t.TempDir()
	shell.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "PS1=prompt> ", "TERM=dumb", "HOME=" + t.TempDir(), "HISTFILE="}
	shell.Stdin, shell.Stdout, shell.Stderr = terminal.Program, terminal.Program, terminal.Program
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}

	terminal.Program.Close()
	t.Cleanup(func() {
		shell.Process.Kill()
		terminal.Close() // hangs up what the shell has left
		shell.Wait()
	})
	return session{terminal}
}

func (s session) await(t *testing.T, text string) {
	t.Helper()
	if err := s.Await(text); err != nil {
		t.Fatal(err)
	}
}

func (s session) enter(keys string) { s.Type(keys) }

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
