package scratch

import (
	"os"
	"path/filepath"
	"testing"
)

// A directory stays while it is in use, and one whose user was killed is gone
// after the next is made, also if a program left it without permissions.
func TestAbandoned(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "parent")
	used, err := Make(parent, "trial-*")
	if err != nil {
		t.Fatal(err)
	}
	abandoned := filepath.Join(parent, "trial-abandoned")
	closed := filepath.Join(abandoned, "closed")
	if err := os.MkdirAll(filepath.Join(closed, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(parent, "other")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}

	next, err := Make(parent, "trial-*")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{used.Path: true, next.Path: true, other: true, abandoned: false} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, d := range []*Dir{used, next} {
		if err := d.Remove(); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}
