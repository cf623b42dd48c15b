package isolate

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// A source, or a directory on the way to it, that becomes a link between the
// look at it and its mount ends the start: nothing but what was looked at is
// ever shown.
func TestSourceSwappedForALink(t *testing.T) {
	for _, swapped := range []string{"", "shared/data", "shared"} {
		dir := files(t, "shared/data/file", "outside/data/file")
		source := filepath.Join(dir, "shared/data")
		c := Command(Policy{Mounts: []Mount{ReadOnly(source)}, Dir: "/"}, "true")
		policy, tree, err := c.Policy.plan()
		if err != nil {
			t.Fatal(err)
		}
		defer tree.close()
		if swapped != "" {
			place := filepath.Join(dir, swapped)
			if err := os.Rename(place, place+"-away"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(dir, "outside"), place); err != nil {
				t.Fatal(err)
			}
		}
		stdio, err := c.stdio.open(nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.limiter, err = newLimiter(&policy); err != nil {
			t.Fatal(err)
		}
		err = c.launch(&policy, tree, stdio)
		c.stdio.closeInner()
		if swapped == "" {
			if err != nil {
				t.Errorf("without a swap: %v; it shows nothing", err)
				continue
			}
			c.kill()
			c.reap()
			c.hangUp()
			continue
		}
		c.stdio.abort()
		if err == nil || !strings.Contains(err.Error(), "became a symbolic link meanwhile") {
			t.Errorf("with a link in place of %s: %v", swapped, err)
		}
	}
}

// A source that becomes a file in place of a directory, or the other way round, is looked
// at again.
func TestSourceReplaced(t *testing.T) {
	dir := files(t, "source/", "other")
	source, other := filepath.Join(dir, "source"), filepath.Join(dir, "other")
	for _, now := range []string{"-f", "-d"} {
		c := Command(Policy{Mounts: []Mount{ReadOnly(source)}, Dir: "/"}, "test", now, source)
		c.Ready = func() { // after the first look
			if err := unix.Renameat2(unix.AT_FDCWD, source, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE); err != nil {
				t.Error(err)
			}
		}
		if err := c.Run(); err != nil {
			t.Errorf("as test %s asks: %v", now, err)
		}
	}
}

// While somebody swaps a source for a link to the home directory and back, the
// check and the mount see the same of the two. The control has its home
// elsewhere, so that nothing is checked: it is shown the directory.
func TestSourceSwappedForALinkToHome(t *testing.T) {
	dir := files(t, "home/key", "shared/", "link -> home")
	home, source, link := filepath.Join(dir, "home"), filepath.Join(dir, "shared"), filepath.Join(dir, "link")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				unix.Renameat2(unix.AT_FDCWD, source, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE)
			}
		}
	}()
	defer func() { close(stop); <-stopped }()

	base := []Mount{ReadOnly("/usr")}
	for _, checked := range []bool{true, false} {
		p := Policy{Home: home, Base: base, Mounts: []Mount{Writable(source)}}
		if !checked {
			p.Home = "/nonexistent"
		}
		shown, other := 0, 0
		for begun := time.Now(); time.Since(begun) < 5*time.Second && (shown == 0 || other == 0 || checked && shown+other < 2000); {
			tree, err := newTree(&p)
			tree.close()
			switch {
			case checked && err != nil:
				shown++ // it would have been
			case err == nil && tree.at[source].source == home:
				if shown++; checked {
					t.Fatal("the home directory is shown")
				}
			case err == nil:
				other++
			}
		}
		t.Logf("checked %v: home %d times, the other %d times", checked, shown, other)
		if shown == 0 || other == 0 {
			t.Error("the swap was never met: this shows nothing")
		}
	}
}
