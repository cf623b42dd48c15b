package reportfile

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A report replaces what is at its name, on file systems with and without files
// that have no name, and leaves nothing else.
func TestReportReplaces(t *testing.T) {
	for _, refusal := range []error{nil, unix.EOPNOTSUPP, unix.EISDIR, unix.EINVAL} {
		for _, before := range []string{"nothing", "file", "directory", "link"} {
			dir := t.TempDir()
			path := filepath.Join(dir, "report")
			r, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			os.Remove(path)
			switch before {
			case "file":
				err = os.WriteFile(path, []byte("forged"), 0o600)
			case "directory":
				err = os.MkdirAll(filepath.Join(path, "full"), 0o700)
			case "link":
				err = os.Symlink("/no/such/directory", path)
			}
			if err != nil {
				t.Fatal(err)
			}
			make := r.makeUnnamed
			if refusal != nil {
				make = func() (int, error) { return -1, refusal }
			}
			if err := r.replace([]byte("true"), make); err != nil {
				t.Errorf("%v, %s: %v", refusal, before, err)
			}
			r.close()
			if text, err := os.ReadFile(path); err != nil || string(text) != "true" {
				t.Errorf("%v, %s: %q, %v", refusal, before, text, err)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 1 {
				t.Errorf("%v, %s: left behind %v", refusal, before, entries)
			}
		}
	}
}

// In a directory that nobody may write to, a report goes into the file that is
// there; if that was replaced all the same, it isn't written.
func TestReportInADirectoryOfOthers(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		dir := t.TempDir()
		path := filepath.Join(dir, "report")
		if err := os.WriteFile(path, []byte("of an earlier run, and longer"), 0o600); err != nil {
			t.Fatal(err)
		}
		r := &File{path: path, dir: -1}
		if err := r.open(); err != nil {
			t.Fatal(err)
		}
		// As open finds it where the directory refuses; root is refused nothing.
		r.kept = true
		if err := r.openPlain(unix.O_TRUNC); err != nil {
			t.Fatal(err)
		}
		r.plain.WriteString("forged, and longer than the report")
		if replaced {
			os.Remove(path)
			os.WriteFile(path, []byte("forged"), 0o600)
		}
		err := r.Write([]byte("true"))
		if text, _ := os.ReadFile(path); (err != nil) != replaced || (string(text) == "true") == replaced {
			t.Errorf("replaced %v: %q, %v", replaced, text, err)
		}
	}
}
