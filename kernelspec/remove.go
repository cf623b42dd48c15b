package kernelspec

import (
	"os"
	"path/filepath"
)

// Remove removes a twin, which disappears at once and whole.
func Remove(twin *Twin) error {
	kernels := filepath.Dir(twin.Dir)
	aside, err := os.MkdirTemp(filepath.Dir(kernels), ".isolate-")
	if err != nil {
		return explainWrite(err, kernels)
	}
	defer os.RemoveAll(aside)
	return explainWrite(os.Rename(twin.Dir, filepath.Join(aside, "old")), kernels)
}
