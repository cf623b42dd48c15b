package kernelspec

import (
	"os"
	"path/filepath"
	"testing"
)

// The working directory has nothing to do with it.
func TestValidateInAnyDirectory(t *testing.T) {
	for _, name := range []string{"100% done", "a%zz", "new\nline", "Übung #1?"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		if err := (Spec{"argv": []any{"k", "{connection_file}"}, "display_name": "K", "language": "k"}).Validate(); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}
