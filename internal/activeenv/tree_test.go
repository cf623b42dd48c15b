package activeenv

import (
	"os"
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
		{"a file", func(path string) error { return os.WriteFile(path, []byte("home = /opt/x/bin\n"), 0o644) }, true},
		{"a named pipe", func(path string) error { return unix.Mkfifo(path, 0o644) }, false},
		{"a device", func(path string) error { return os.Symlink("/dev/zero", path) }, false},
		{"a file without an end", func(path string) error {
			if err := os.WriteFile(path, []byte("\n"), 0o644); err != nil {
				return err
			}
			return os.Truncate(path, 1<<40)
		}, false},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o755) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			prefix := t.TempDir()
			if err := c.make(prefix + "/pyvenv.cfg"); err != nil {
				t.Fatal(err)
			}
			if home := venvHome(prefix); (home != "") != c.want {
				t.Errorf("home %q", home)
			}
			if interpreter := interpreterOf(prefix + "/pyvenv.cfg"); interpreter != "" {
				t.Errorf("interpreter %q", interpreter)
			}
		})
	}
}
