package kernelspec

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
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
	aside, err := makeAside(kernels)
	if err != nil {
		return explainWrite(err, kernels)
	}
	defer os.RemoveAll(aside)
	err = os.Rename(dir, filepath.Join(aside, "old"))
	if errors.Is(err, unix.EXDEV) { // see replaceContents
		if err = os.Remove(filepath.Join(dir, "kernel.json")); err == nil {
			err = os.RemoveAll(dir)
		}
	}
	return explainWrite(err, kernels)
}
