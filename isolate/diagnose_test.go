package isolate

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Each case makes a place in which namespaces are forbidden in one way, and
// wants that way named, with the remedy for it, and the program not run.
func TestForbidden(t *testing.T) {
	cases := []struct{ name, place, want, hint string }{
		{"no user namespaces", "echo 0 > /proc/sys/user/max_user_namespaces", "sandbox that forbids another", "--allow-userns"},
		{"no network namespaces", "echo 0 > /proc/sys/user/max_net_namespaces", "user.max_net_namespaces is 0", "sysctl -w user.max_net_namespaces"},
		{"parts of /proc are hidden", "mount -t proc proc /proc && mount --bind /dev/null /proc/keys", "parts of /proc are hidden", "systempaths=unconfined"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, err := runIn(t, c.place)
			if err == nil || strings.Contains(out, "ran") || !strings.Contains(out, c.want) || !strings.Contains(out, c.hint) {
				t.Errorf("%v, %s\nwant %q and %q", err, out, c.want, c.hint)
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

// A kernel's number in a container's words.
func TestExplainClone(t *testing.T) {
	for errno, want := range map[error]string{
		explainClone(28): "too many namespaces", // ENOSPC
		explainClone(22): "no user namespaces",  // EINVAL
	} {
		if !strings.Contains(errno.Error(), want) || Hint(errno) == "" {
			t.Errorf("%v, hint %q: want %q and a remedy", errno, Hint(errno), want)
		}
	}
}

// Root outside is nobody's better inside: what another user keeps to
// themselves is closed, and only that user can run something there.
func TestRootInAnothersDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		return // of an ordinary user the kernel says no before that
	}
	dir := t.TempDir()
	private := filepath.Join(dir, "private")
	if err := errors.Join(os.Mkdir(private, 0o700), os.Chown(private, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	_, err := sh(t, in(private), "true")
	var setup *SetupError
	if !errors.As(err, &setup) || !errors.Is(err, unix.EACCES) || setup.Remedy != "run it as that user: sudo -u nobody" {
		t.Errorf("%v: %+v", err, setup)
	}
}
