package kernelspec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Nothing in a kernel's directory makes a twin publish other files of the user,
// open what is no file, or copy without end. In the control an ordinary copy by the
// same name gets the secret.
func TestHostileResources(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	const name = "logo-64x64.png"
	link := func(target string) func(string) error {
		return func(dir string) error { return os.Symlink(target, filepath.Join(dir, name)) }
	}
	up, err := filepath.Rel("/", secret)
	if err != nil {
		t.Fatal(err)
	}

	cases := []struct {
		name string
		lay  func(dir string) error
		leak string // a path in the directory that leads to the secret
		note string
	}{
		{"a link to a secret", link(secret), name, "it leads elsewhere"},
		{"by a relative path", link(strings.Repeat("../", 40) + up), name, "it leads elsewhere"},
		{"through a link to a directory", func(dir string) error {
			return errors.Join(os.Symlink(outside, filepath.Join(dir, "d")), os.Symlink("d/secret", filepath.Join(dir, name)))
		}, name, "it leads elsewhere"},
		{"below a directory", func(dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "d"), 0o755), os.Symlink(secret, filepath.Join(dir, "d", name)))
		}, "d/" + name, "d/" + name + ": it leads elsewhere"},
		{"through /proc", link("/proc/self/root" + secret), name, "it leads elsewhere"},
		{"a device", link("/dev/zero"), "", "it leads elsewhere"},
		{"a named pipe", func(dir string) error { return unix.Mkfifo(filepath.Join(dir, name), 0o644) }, "", ""},
		{"a file with a hole", func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, name), nil, 0o644), os.Truncate(filepath.Join(dir, name), 1<<40))
		}, "", "64 MiB"},
		{"many files", func(dir string) error {
			for i := range maxResources + 1 {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o644); err != nil {
					return err
				}
			}
			return nil
		}, "", "more than 1000"},
		{"directories below one another", func(dir string) error {
			return os.MkdirAll(filepath.Join(dir, strings.Repeat("d/", maxResourceDepth+1)), 0o755)
		}, "", "directories deep"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			j, dir := jupyterWith(t, "base", plainSpec)
			if err := c.lay(dir); err != nil {
				t.Fatal(err)
			}
			if c.leak != "" {
				if text, err := os.ReadFile(filepath.Join(dir, c.leak)); err != nil || string(text) != "secret" {
					t.Fatalf("control: %q, %v", text, err)
				}
			}

			base, err := j.Find("base")
			if err != nil {
				t.Fatal(err)
			}
			result, err := Install(t.Context(), base, j, Options{Launcher: "/bin/true"}, Place{})
			if err != nil {
				t.Fatal(err)
			}
			if notes := strings.Join(result.Notes, "\n"); !strings.Contains(notes, c.note) || (c.note == "") != (notes == "") {
				t.Errorf("notes %q", notes)
			}
			copied := 0
			filepath.Walk(result.Dir, func(path string, info os.FileInfo, err error) error {
				if err == nil && info.Mode().IsRegular() {
					copied++
				}
				return err
			})
			if copied != 2 { // kernel.json and isolate.json
				t.Errorf("%d files", copied)
			}

			j.specs[result.Name] = found{Dir: result.Dir}
			if twin := again(t, j); twin.State != OK {
				t.Errorf("state %q", twin.State)
			}
		})
	}
}

// A copy can be read by nobody who couldn't read the original.
func TestModesOfResources(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	j, dir := jupyterWith(t, "base", plainSpec)
	put(t, filepath.Join(dir, "private/logo"), "x")
	modes := map[string]os.FileMode{"secret": 0o600, "course": 0o640, "open": 0o666, "run": 0o4755, "private": 0o700, "private/logo": 0o604}
	want := map[string]os.FileMode{"secret": 0o600, "course": 0o640, "open": 0o644, "run": 0o644, "private": 0o700, "private/logo": 0o604}
	for name, mode := range modes {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			put(t, path, "x")
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}

	base, err := j.Find("base")
	if err != nil {
		t.Fatal(err)
	}
	result, err := Install(t.Context(), base, j, Options{Launcher: "/bin/true"}, Place{})
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range want {
		info, err := os.Stat(filepath.Join(result.Dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}
