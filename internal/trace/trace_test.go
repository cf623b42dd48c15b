package trace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// watch runs a shell's script and returns what it uses, by path.
func watch(t *testing.T, ctx context.Context, script string, look func([]int) bool) (map[string]bool, bool, error) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if look == nil {
		look = func([]int) bool { return false }
	}
	uses, ended, err := Watch(ctx, Command{Argv: []string{"/bin/sh", "-c", script}, Env: os.Environ(), Dir: t.TempDir(), Output: null}, look)
	executed := map[string]bool{}
	for _, u := range uses {
		executed[u.Path] = executed[u.Path] || u.Exec
	}
	return executed, ended, err
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	at := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sourced := at("sourced", "true\n", 0o644)
	script := at("script", "#!/bin/sh\ncat read\n", 0o755)
	at("read", "", 0o644)
	link := filepath.Join(dir, "link")
	if err := os.Symlink("read", link); err != nil {
		t.Fatal(err)
	}

	const all = `cd "` + "$DIR" + `" && . ./sourced; cat no-such-file <link >written; (./script); /usr/bin/python3 -c '
import threading
threads = [threading.Thread(target=lambda: open("from-a-thread").read()) for _ in range(3)]
[x.start() for x in threads]'`
	t.Setenv("DIR", dir)
	fromThread := at("from-a-thread", "", 0o644)
	uses, ended, err := watch(t, t.Context(), all, nil)
	if err != nil || !ended {
		t.Fatalf("ended %v, %v", ended, err)
	}
	for path, exec := range map[string]bool{
		sourced: false, link: false, script: true, filepath.Join(dir, "read"): false, fromThread: false, "/bin/sh": true, "/usr/bin/python3": true,
	} {
		if got, used := uses[path]; !used || got != exec {
			t.Errorf("%s: used %v, executed %v", path, used, got)
		}
	}
	for _, path := range []string{filepath.Join(dir, "no-such-file"), filepath.Join(dir, "written")} {
		if _, used := uses[path]; used {
			t.Errorf("%s is said to be used", path)
		}
	}
}

// What is looked for ends the watch, and everything with it: children that are
// in sessions of their own, too.
func TestWatchEnds(t *testing.T) {
	var seen []int
	look := func(pids []int) bool { seen = pids; return len(pids) >= 3 }
	began := time.Now()
	_, ended, err := watch(t, t.Context(), "setsid sleep 600 & sleep 600 & wait", look)
	if err != nil || ended || time.Since(began) > 10*time.Second {
		t.Errorf("ended %v, %v, after %v", ended, err, time.Since(began))
	}
	for _, pid := range seen {
		// One that nobody has waited for has no command line left.
		if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); len(line) > 0 {
			t.Errorf("%d of %v goes on: %q", pid, seen, line)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := watch(t, ctx, "sleep 600", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the context's end: %v", err)
	}
}

// Signals reach the command as they would.
func TestSignals(t *testing.T) {
	uses, ended, err := watch(t, t.Context(), `trap 'cat /etc/hostname' USR1; kill -USR1 $$; kill -STOP $$ & sleep 0.1; kill -CONT $$; wait; kill -TERM $$`, nil)
	if _, trapped := uses["/etc/hostname"]; err != nil || !ended || !trapped {
		t.Errorf("ended %v, %v, trapped %v", ended, err, trapped)
	}
}

func TestNoSuchCommand(t *testing.T) {
	_, _, err := Watch(t.Context(), Command{Argv: []string{"/no/such/command"}, Output: os.Stderr}, func([]int) bool { return false })
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// Other children of this process are left alone, whichever thread started them.
func TestOtherChildren(t *testing.T) {
	var others []*exec.Cmd
	for range 20 {
		other := exec.Command("/bin/sleep", "0.2")
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		others = append(others, other)
	}
	for range 5 {
		if _, ended, err := watch(t, t.Context(), "cat /etc/hostname", nil); err != nil || !ended {
			t.Errorf("ended %v, %v", ended, err)
		}
	}
	for _, other := range others {
		if err := other.Wait(); err != nil {
			t.Error(err)
		}
	}
}
