package activeenv

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// What an earlier program left in an environment is read if it is a file of a
// sensible size. The control is such a file.
func TestHostileEnvironment(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(path string) error
		want bool
	}{
		{"a file", func(path string) error { return os.WriteFile(path, []byte("home = /opt/x/bin\n/opt/x\n"), 0o644) }, true},
		{"a named pipe", func(path string) error { return unix.Mkfifo(path, 0o644) }, false},
		{"a device", func(path string) error { return os.Symlink("/dev/zero", path) }, false},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o755) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			prefix := t.TempDir()
			packages := filepath.Join(prefix, "lib/python3.11/site-packages")
			if err := os.MkdirAll(packages, 0o755); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{prefix + "/pyvenv.cfg", packages + "/x.pth"} {
				if err := c.make(path); err != nil {
					t.Fatal(err)
				}
			}
			if home := venvHome(prefix); (home != "") != c.want {
				t.Errorf("home %q", home)
			}
			if projects := editable(prefix); (projects != nil) != c.want {
				t.Errorf("projects %q", projects)
			}
			if interpreter := interpreterOf(prefix + "/pyvenv.cfg"); interpreter != "" {
				t.Errorf("interpreter %q", interpreter)
			}
		})
	}
}
