package isolate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What doesn't fit into the memory that an early init shares goes to one that is forked
// later.
func TestMoreThanAnEarlyInitTakes(t *testing.T) {
	p := Policy{Dir: "/", Env: []string{"PATH=/usr/bin"}}
	for i := range 12 {
		p.Env = append(p.Env, fmt.Sprintf("V%d=%s", i, strings.Repeat("x", 100_000)))
	}
	if out, err := sh(t, p, "env | wc -c"); err != nil || len(out) != len("1200000\n") {
		t.Errorf("%q, %v", out, err)
	}
}

// An init that has begun ends when the policy turns out to be wrong.
func TestWrongPolicyLeavesNoInit(t *testing.T) {
	err := Command(Policy{Mounts: []Mount{ReadOnly("/nonexistent")}}, "true").Run()
	var setup *SetupError
	if !errors.As(err, &setup) || setup.Kind != KindMissing {
		t.Errorf("%v", err)
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WALL, nil); err != unix.ECHILD {
		t.Errorf("child %d, %v", pid, err)
	}
}

// An early init ends when its caller has, even if nothing kills it: it may not have been
// bound to its caller yet. Another one, of a sandbox that begins at the same moment, has
// nothing of it: not what would keep it waiting, and not its lists.
func TestEarlyInitHearsTheEnd(t *testing.T) {
	var begun [2]*early
	for i := range begun {
		c := Command(Policy{Dir: "/"}, "true")
		policy, err := c.Policy.complete()
		if err != nil {
			t.Fatal(err)
		}
		e := beginEarly(&policy, []int{ofNull, ofNull, ofNull})
		defer e.abandon()
		begun[i] = e
	}

	handle, err := unix.Dup(begun[1].pidfd)
	if err != nil {
		t.Fatal(err)
	}
	second := &Cmd{init: os.NewFile(uintptr(handle), "init")}
	defer second.init.Close()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pidOf(t, second)))
	if shared := strings.Count(string(maps), " rw-s "); err != nil || shared != 1 {
		t.Errorf("%v: it shares %d parts of its memory, and not only its own lists", err, shared)
	}

	e := begun[0]
	unix.Close(e.ours)
	e.ours = -1
	defer close(e.gone)
	ended := []unix.PollFd{{Fd: int32(e.pidfd), Events: unix.POLLIN}}
	if n, err := unix.Poll(ended, 20_000); n != 1 || err != nil {
		t.Errorf("it waits: %d, %v", n, err)
	}
}

// What an early init has placed is what one that is forked later would have: nothing
// beneath, beside or in place of what the policy puts there.
func TestEarlyShowsTheSame(t *testing.T) {
	dir := t.TempDir()
	for name, to := range map[string]string{"file": "", "sub/file": "", "toDev": "/dev", "toProc": "/proc", "toEtc": "/etc"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		err := error(nil)
		if to == "" {
			err = os.WriteFile(path, nil, 0o644)
		} else {
			err = os.Symlink(to, path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	file, sub := filepath.Join(dir, "file"), filepath.Join(dir, "sub")

	for name, p := range map[string]Policy{
		"default":                   {},
		"below /etc":                {Mounts: []Mount{ReadOnly(sub).At("/etc/own")}},
		"in place of an entry":      {Mounts: []Mount{ReadOnly(file).At("/etc/ld.so.conf")}},
		"/etc":                      {Mounts: []Mount{ReadOnly(sub).At("/etc")}},
		"/usr once more":            {Mounts: []Mount{ReadOnly("/usr")}},
		"a mask in /etc":            {Mounts: []Mount{Masked("/etc/ssl/certs")}},
		"a mask in /usr":            {Mounts: []Mount{Masked("/usr/share")}},
		"a private /dev/shm":        {Mounts: []Mount{Private("/dev/shm")}},
		"a directory in /dev":       {Mounts: []Mount{Writable(sub).At("/dev/own")}},
		"in place of a device":      {Mounts: []Mount{ReadOnly(file).At("/dev/zero")}},
		"in place of a mask":        {Mounts: []Mount{ReadOnly(file).At("/proc/kallsyms")}},
		"inside a mask":             {Mounts: []Mount{ReadOnly(sub).At("/proc/bus/own")}},
		"by a link into /dev":       {Mounts: []Mount{Writable(dir), ReadOnly(sub).At(dir + "/toDev/own")}, AllowSymlinks: true},
		"by a link in place of one": {Mounts: []Mount{Writable(dir), ReadOnly(file).At(dir + "/toDev/zero")}, AllowSymlinks: true},
		"by a link to a mask":       {Mounts: []Mount{Writable(dir), ReadOnly(file).At(dir + "/toProc/kallsyms")}, AllowSymlinks: true},
		"by a link into /etc":       {Mounts: []Mount{Writable(dir), ReadOnly(file).At(dir + "/toEtc/ld.so.conf")}, AllowSymlinks: true},
		"a file in /etc":            {Files: []File{{Path: "/etc/ld.so.conf", Mode: 0o600, Data: []byte("own")}}},
		"a file of ours in /etc":    {Files: []File{{Path: "/etc/hosts", Mode: 0o600, Data: []byte("own")}}},
		"home in /etc":              {Home: "/etc/home"},
		"home in /usr":              {Home: "/usr/share"},
		"a base of one's own":       {Base: []Mount{ReadOnly("/usr"), ReadOnly("/bin"), ReadOnly("/lib"), ReadOnly("/lib64")}},
		"namespaces inside":         {AllowUserNamespaces: true},
		"the caller's /proc":        {ShareProc: true},
		"the host's network":        {Network: NetworkHost},
	} {
		t.Run(name, func(t *testing.T) {
			if p.Dir = "/"; p.Home == "" {
				p.Home = "/home/tester"
			}
			const all = `sed 's/^[0-9]* [0-9]* [0-9:]* //; s/ master:[0-9]*//' /proc/self/mountinfo | sort; ` +
				`find / -xdev -path /proc -prune -o -printf '%p %M %s %l\n' | sort; find /etc /dev /proc/bus /proc/kallsyms -printf '%p %M %l\n' | sort`
			early, err := sh(t, p, all)
			p.Limits.Pids = 4096 // with a group, which init has to enter first
			late, err2 := sh(t, p, all)
			if err != nil || err2 != nil {
				t.Fatalf("%v, and without an early init %v", err, err2)
			}
			if early != late {
				t.Errorf("by an early init:\n%s\nby another one:\n%s", early, late)
			}
		})
	}
}
