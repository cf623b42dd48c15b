package launcher

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Another user's client gets nothing from the kernel and costs it nothing, and
// that is told once. The same client of our own is answered. Only root can be
// two users: for an ordinary user TestClientThatIsGone shows that a refused
// client doesn't reach the kernel.
func TestOtherUsersClient(t *testing.T) {
	k := startSession(t, setup{})
	client := func(user int) string {
		t.Helper()
		cmd := exec.Command("/proc/self/exe", k.connection.place("shell"))
		cmd.Env = []string{"LAUNCHER_TEST=client"}
		if user != os.Getuid() {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}}
		}
		said, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(said))
	}

	if answer := client(os.Getuid()); answer != `"shell"` {
		t.Errorf("our own client has the answer %q", answer)
	}
	if os.Getuid() != 0 {
		return
	}
	before := k.ask("shell", "accepted").(float64)
	for range 3 {
		if answer := client(65533); answer != "" {
			t.Errorf("a stranger's client has the answer %q", answer)
		}
	}
	if after := k.ask("shell", "accepted").(float64); after != before+1 {
		t.Errorf("the kernel has had %v clients, and then %v", before, after)
	}
	const want = "isolate-kernel: a connection of user 65533 to the kernel's ports was refused; connect as the user who runs the kernel, or as root"
	if line := k.line(); line != want {
		t.Errorf("the launcher says %q", line)
	}
	k.ask("shell", "exit 0")
	if line := k.line(); line != "last line" {
		t.Errorf("and then %q", line)
	}
}

// stop stops a process and returns when none of its threads runs any more.
func stop(t *testing.T, process *os.Process) {
	t.Helper()
	process.Signal(syscall.SIGSTOP)
	for range 500 {
		running := 0
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", process.Pid))
		for _, task := range tasks {
			stat, err := os.ReadFile(task)
			if _, state, _ := strings.Cut(string(stat), ") "); err == nil && state[0] != 'T' {
				running++
			}
		}
		if len(tasks) > 0 && running == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the process doesn't stop")
}

// What a client sends that has closed its end before the launcher could look
// whose it is doesn't reach the kernel.
func TestClientThatIsGone(t *testing.T) {
	k := startSession(t, setup{})
	answers := map[bool]float64{}
	for _, stays := range []bool{false, true} { // true: the control
		before := k.ask("shell", "accepted").(float64)
		stop(t, k.cmd.Process)
		conn, err := net.Dial("tcp", k.connection.place("shell"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte("channel\n"))
		if !stays {
			conn.Close()
		}
		k.cmd.Process.Signal(syscall.SIGCONT)
		time.Sleep(50 * time.Millisecond)
		answers[stays] = k.ask("shell", "accepted").(float64) - before - 1
	}

	if answers[false] != 0 || answers[true] != 1 {
		t.Errorf("the kernel has had %v clients, and %v that stays", answers[false], answers[true])
	}
}
