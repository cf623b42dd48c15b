package kernelspec

import (
	"os"
	"path/filepath"
)

// Remove removes a twin, which disappears at once and whole. After a default twin the
// plain kernel has only its own name again.
func Remove(twin *Twin) error {
	if twin.Plain == "" {
		return removeDir(twin.Dir)
	}

	var err error
	if isTakenOver(twin) {
		err = explainWrite(giveBack(twin.Dir), filepath.Dir(twin.Dir))
	} else {
		err = removeDir(twin.Dir)
	}
	if err != nil {
		return err
	}
	plain := filepath.Join(filepath.Dir(twin.Dir), twin.Plain)
	if spec, err := readSpec(filepath.Join(plain, "kernel.json")); err != nil || !isPlain(spec) {
		return nil // a person has removed it, or put another there
	}
	return removeDir(plain)
}

func removeDir(dir string) error {
	kernels := filepath.Dir(dir)
	aside, err := os.MkdirTemp(filepath.Dir(kernels), ".isolate-")
	if err != nil {
		return explainWrite(err, kernels)
	}
	defer os.RemoveAll(aside)
	return explainWrite(os.Rename(dir, filepath.Join(aside, "old")), kernels)
}
