package isolate

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

// Each case makes a place in which namespaces are forbidden in one way, and
// wants that way named, its kind, and the program not run.
func TestForbidden(t *testing.T) {
	cases := []struct{ name, place, want, kind string }{
		{"no user namespaces", "echo 0 > /proc/sys/user/max_user_namespaces", "sandbox that forbids another", string(KindNested)},
		{"no network namespaces", "echo 0 > /proc/sys/user/max_net_namespaces", "user.max_net_namespaces is 0", `About:"user.max_net_namespaces"`},
		{"parts of /proc are hidden", "mount -t proc proc /proc && mount --bind /dev/null /proc/keys", "parts of /proc are hidden here", `Kind:"` + string(KindProcHidden)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, err := runIn(t, c.place)
			if err == nil || strings.Contains(out, "ran") || !strings.Contains(out, c.want) || !strings.Contains(out, c.kind) {
				t.Errorf("%v, %s\nwant %q and %q", err, out, c.want, c.kind)
			}
		})
	}
	t.Run("control", func(t *testing.T) {
		if out, err := runIn(t, "true"); err != nil || !strings.Contains(out, "ran") {
			t.Errorf("%v, %s", err, out)
		}
	})
}

// runIn runs a sandbox in a user namespace that script has changed.
func runIn(t *testing.T, script string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unshare := exec.Command("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		"sh", "-c", script+` && exec "$0" "$@"`, self, t.TempDir(), "sh", "-c", "echo ran")
	unshare.Env = append(os.Environ(), roleVariable+"=caller", "HOME=/home/tester")
	out, err := unshare.CombinedOutput()
	return string(out), err
}

// The reason why no namespace can be made is said in words, and has a kind.
func TestExplainClone(t *testing.T) {
	for errno, want := range map[unix.Errno]Kind{unix.ENOSPC: KindTooMany, unix.EINVAL: KindNoUserNamespaces} {
		if err := explainClone(new(Policy), errno); kindOf(err) != want {
			t.Errorf("%v: %v of kind %q: want %q", errno, err, kindOf(err), want)
		}
	}
}

// A working directory that nobody inside can enter is named as such. Root has no
// privilege inside, and what another user keeps closed is open to that user only.
func TestClosedDirectory(t *testing.T) {
	type row struct {
		name  string
		owner int
		mode  os.FileMode
		kind  Kind
	}
	cases := []row{{"one's own", os.Geteuid(), 0, KindDirClosed}}
	if os.Geteuid() == 0 { // who alone can give a directory away
		cases = append(cases, row{"another's", 65534, 0o700, KindOwner})
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			closed := filepath.Join(t.TempDir(), "closed")
			if err := errors.Join(os.Mkdir(closed, 0o700), os.Chown(closed, c.owner, -1), os.Chmod(closed, c.mode)); err != nil {
				t.Fatal(err)
			}

			_, err := sh(t, in(closed), "true")

			var setup *SetupError
			if !errors.As(err, &setup) || !errors.Is(err, unix.EACCES) || setup.Kind != c.kind {
				t.Errorf("%v: %+v", err, setup)
			}
		})
	}
}

// What vanishes between a look at it and its mount is looked at once more, as
// a file does that an editor replaces.
func TestSourceThatVanishes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				os.WriteFile(path, nil, 0o644)
				os.Remove(path)
			}
		}
	}()
	defer func() { close(stop); <-stopped }()

	p := in(dir)
	p.Mounts = append(p.Mounts, ReadOnly(path).At("/file").IfExists())
	vanished := 0
	for i := 0; i < 200 && vanished < 3; i++ {
		if err := Command(p, "true").Run(); err != nil {
			t.Fatalf("%v: %+v", err, err)
		}
		// The control begins only once.
		policy, tree, err := p.plan()
		if err != nil {
			t.Fatal(err)
		}
		c := Command(p, "true")
		files, err := c.stdio.open(nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.limiter, _ = newLimiter(&policy)
		err = c.launch(&policy, tree, files)
		if kindOf(err) == KindVanished {
			vanished++
		}
		if err == nil {
			c.kill()
			c.reap()
			c.hangUp()
		}
		c.stdio.closeInner()
		c.stdio.abort()
		tree.close()
	}
	if vanished == 0 {
		t.Error("control: it never vanished")
	}
}

// An entry of /proc goes with the module of the kernel that made it. Then the sandbox is
// planned once more, without a mask for it.
func TestVanishedMask(t *testing.T) {
	if err := explainCall(new(Policy), calls.Mask.Of("/proc/gone"), unix.ENOENT); !isPassing(err) {
		t.Error(err)
	}
}
