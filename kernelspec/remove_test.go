package kernelspec

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRemove(t *testing.T) {
	j, twin, base := installed(t, Options{})
	if _, err := j.FindTwin("base"); err == nil || Remedy(err) == "" {
		t.Errorf("a plain kernel is taken for an isolated one: %v", err)
	}
	closed := filepath.Join(twin.Dir, "closed") // made by hand: nothing of it may stay
	if err := errors.Join(os.Mkdir(closed, 0o755), os.WriteFile(filepath.Join(closed, "file"), nil, 0o644), os.Chmod(closed, 0o555)); err != nil {
		t.Fatal(err)
	}
	if err := Remove(twin); err != nil {
		t.Fatal(err)
	}
	var left []string
	filepath.WalkDir(filepath.Dir(filepath.Dir(base)), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			left = append(left, path)
		}
		return nil
	})
	if diff := cmp.Diff([]string{filepath.Join(base, "kernel.json")}, left); diff != "" {
		t.Errorf("want - got +:\n%s", diff)
	}
}
