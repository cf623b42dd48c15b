package isolate

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A caller that is killed at any moment of its start leaves nothing: what it
// had started comes to this process, which sees each of them end.
func TestCallerKilledWhileItStarts(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	dir, tmp := t.TempDir(), t.TempDir()
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	early, late, orphans := 0, 0, 0
	var whole time.Duration // what a start takes on this machine
	for i := range 80 {
		begun := time.Now()
		caller := exec.Command("/proc/self/exe", dir, "sh", "-c", "echo ready; sleep 600")
		caller.Env = append(os.Environ(), roleVariable+"=caller", "TMPDIR="+tmp)
		out, err := caller.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := caller.Start(); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			out.Read(make([]byte, 6))
			whole = time.Since(begun)
		} else {
			time.Sleep(rand.N(2 * whole))
		}
		caller.Process.Kill()
		if n, _ := out.Read(make([]byte, 6)); i > 0 && n == 0 {
			early++
		} else {
			late++
		}
		caller.Wait()
		orphans += reapAll(t)
	}
	t.Logf("%d killed before the program ran, %d after; %d processes outlived their caller for a moment", early, late, orphans)
	if early == 0 || late == 0 || orphans == 0 {
		t.Error("not every moment was met: this shows nothing")
	}
	for _, where := range []string{dir, tmp} {
		if left, _ := filepath.Glob(filepath.Join(where, "*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	if now, _ := os.ReadFile("/proc/self/mountinfo"); string(now) != string(mounts) {
		t.Errorf("mounts before:\n%s\nafter:\n%s", mounts, now)
	}
}

// reapAll waits until no child is left and counts them.
func reapAll(t *testing.T) int {
	t.Helper()
	count := 0
	for deadline := time.Now().Add(5 * time.Second); ; {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		switch {
		case err == unix.ECHILD:
			return count
		case pid > 0:
			count++
		case time.Now().After(deadline):
			t.Fatal("a process lives on without its caller")
		default:
			time.Sleep(time.Millisecond)
		}
	}
}
