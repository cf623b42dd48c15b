package isolate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/cgroup"
)

// held says how the limit of the name was enforced, if it was.
func held(inForce []InForce, name string) (f InForce, found bool) {
	i := slices.IndexFunc(inForce, func(f InForce) bool { return f.Limit == name })
	if i < 0 {
		return f, false
	}
	return inForce[i], true
}

func TestBounds(t *testing.T) {
	quarter := wholeMebibytes(memoryHere() / 4)
	cases := []struct {
		name     string
		limits   Limits
		tmpSize  int64
		pids     int
		defaults []string
	}{
		{"nothing said", Limits{}, quarter, 4096, []string{"memory", "pids", "tmp-size", "inotify", "watches"}},
		{"a small memory", Limits{Memory: 60<<20 + 1}, 60 << 20, 4096, []string{"pids", "tmp-size", "inotify", "watches"}},
		{"a large memory", Limits{Memory: 1 << 50}, quarter, 4096, []string{"pids", "tmp-size", "inotify", "watches"}},
		{"set", Limits{Pids: 5, TmpSize: 1 << 50}, 1 << 50, 5, []string{"memory", "inotify", "watches"}},
		{"lifted", Limits{Memory: Unlimited, Pids: Unlimited, TmpSize: Unlimited, Time: Unlimited, CPUs: Unlimited, InotifyInstances: Unlimited, InotifyWatches: Unlimited}, 0, 0, nil},
	}
	for _, c := range cases {
		b := c.limits.bounds()
		if b.TmpSize != c.tmpSize || b.Pids != c.pids || !slices.Equal(b.defaults, c.defaults) || b.Time != 0 || b.CPUs != 0 {
			t.Errorf("%s: %+v", c.name, b)
		}
	}
}

// crowdRole makes up to 4500 threads, which count as processes do, and writes a
// byte for each. The Go runtime ends itself when it gets no more.
func crowdRole([]string) int {
	const many = 4500
	var there sync.WaitGroup
	there.Add(many)
	for range many {
		go func() {
			runtime.LockOSThread()
			unix.Write(1, []byte{'+'})
			there.Done()
			unix.Pause()
		}()
	}
	there.Wait()
	return 0
}

// A fork bomb stops at the default. Where nobody can set one it goes on, and
// so it does where it is lifted, up to what it gets without a sandbox.
func TestForkBombStopsByDefault(t *testing.T) {
	self := selfPath(t)
	plain := exec.Command(self)
	plain.Env = []string{roleVariable + "=crowd"}
	all, _ := plain.Output()
	outside := len(all) - 200 // the machine's own bound, which others share
	for _, c := range []struct {
		name   string
		limits Limits
	}{
		{"without a group", Limits{}},
		{"with a group", Limits{Group: true}},
		{"lifted", Limits{Pids: Unlimited, Group: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := in(t.TempDir())
			p.Mounts = append(p.Mounts, ReadOnly(self))
			p.Env = plain.Env
			p.Limits = c.limits
			var out strings.Builder
			cmd := Command(p, self)
			cmd.Stdout = &out
			err := runNoting(t, cmd)
			made := out.Len()

			f, bounded := held(cmd.InForce(), "pids")
			switch {
			case c.limits.Pids == Unlimited && bounded, bounded && (!f.Default || f.Value != "4096"):
				t.Errorf("in force: %+v", f)
			case !bounded && made < min(4200, outside):
				t.Errorf("made %d (%v), want more than the default", made, err)
			case bounded && (made < min(4000, outside) || made > 4096):
				t.Errorf("by %s made %d (%v), want the default", f.By, made, err)
			case bounded && strings.HasPrefix(f.By, "cgroup") && outside > 4096:
				const want = "ended at the process limit of 4096, the default"
				var exit *ExitError
				if !errors.As(err, &exit) || err.Error() != want || exit.Kind != KindDefault || exit.About != "pids" {
					t.Errorf("error %q, want %q", err, want)
				}
			}

			if !bounded && c.limits.Pids == 0 && !isRootOutside() {
				t.Error("nothing bounds an ordinary user's processes")
			}
		})
	}
}

// The default of memory holds where there is a group for it, and nowhere else:
// no rlimit stands in for it. It can be lifted, and so can the group.
func TestMemoryByDefault(t *testing.T) {
	nineTenths := FormatSize(wholeMebibytes(memoryHere() / 10 * 9))
	for _, c := range []struct {
		name   string
		limits Limits
		want   bool // where a group can be made
	}{
		{"nothing said", Limits{}, false},
		{"a group", Limits{Group: true}, true},
		{"a group for another limit", Limits{CPUTime: time.Hour}, true},
		{"a group and no memory", Limits{Group: true, Memory: Unlimited}, false},
	} {
		p := in(t.TempDir())
		p.Limits = c.limits
		cmd := Command(p, "true")
		if err := runNoting(t, cmd); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		f, found := held(cmd.InForce(), "memory")
		possible := cgroup.New(cgroup.Want{Memory: 1 << 30})
		canBe := possible.Version(cgroup.Memory) > 0
		possible.Remove()
		if found != (c.want && canBe) || found && (!f.Default || f.Value != nineTenths || !strings.HasPrefix(f.By, "cgroup")) {
			t.Errorf("%s: %+v %v, with groups %v", c.name, f, found, canBe)
		}
	}
}

// A lower limit of the caller stays, and is no reason not to start.
func TestLowerLimitOfTheCallerStays(t *testing.T) {
	caller := exec.Command("sh", "-c", "ulimit -p 3000; ulimit -f 100; exec "+selfPath(t)+` "$0" "$@"`, t.TempDir(), "sh", "-c", "ulimit -p; ulimit -f")
	caller.Env = append(os.Environ(), roleVariable+"=caller")
	out, err := caller.CombinedOutput()
	if string(out) != "3000\n100\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// In a sandbox in a sandbox the machine's root is still whom no limit of
// processes holds: one that is asked for is refused there.
func TestPidsInsideItself(t *testing.T) {
	self, dir := selfPath(t), t.TempDir()
	p := in(dir)
	p.Mounts = append(p.Mounts, ReadOnly(self))
	p.AllowUserNamespaces = true
	p.Env = []string{roleVariable + "=pids", "PATH=/usr/bin:/bin"}
	var out strings.Builder
	cmd := Command(p, self)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	enforced, refused := strings.Contains(out.String(), "bounded"), strings.Contains(out.String(), "no cgroup of its own")
	if isRootOutside() && !refused || !isRootOutside() && !enforced {
		t.Errorf("%s (%v)", &out, err)
	}
}

func pidsRole([]string) int {
	cmd := Command(Policy{Dir: "/", Limits: Limits{Pids: 4}}, "sh", "-c", "for i in 1 2 3 4 5 6; do sleep 1 & done || echo bounded; wait")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *ExitError
	if errors.As(err, &exit) && exit.Status.ExitStatus() == 2 {
		fmt.Println("bounded") // the shell gives up
	}
	fmt.Println(err)
	return 0
}

// The private directories have a quarter of the memory, or what is said.
func TestSizeOfPrivateDirectories(t *testing.T) {
	memory := memoryHere()
	for _, c := range []struct {
		name   string
		limits Limits
		want   int64
	}{
		{"by default", Limits{}, wholeMebibytes(memory / 4)},
		{"with a limit of memory", Limits{Memory: 60 << 20}, 60 << 20},
		{"set", Limits{TmpSize: 100 << 20}, 100 << 20},
		{"lifted", Limits{TmpSize: Unlimited}, 0},
	} {
		p := in(t.TempDir())
		p.Limits = c.limits
		out, err := sh(t, p, "stat -f -c '%b %S' /tmp")
		var blocks, size int64
		fmt.Sscan(out, &blocks, &size)
		var info unix.Sysinfo_t
		unix.Sysinfo(&info)
		if c.want == 0 {
			c.want = int64(info.Totalram) * int64(info.Unit)
		}
		if blocks*size != c.want {
			t.Errorf("%s: %q (%v), want %d", c.name, out, err, c.want)
		}
	}
}
