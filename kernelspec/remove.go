package kernelspec

import (
	"errors"
	"io/fs"
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
	err = os.Rename(dir, filepath.Join(aside, "old"))
	if errors.Is(err, unix.EXDEV) { // see replaceContents
		if err = os.Remove(filepath.Join(dir, "kernel.json")); err == nil {
			err = removeAll(dir)
		}
	}
	return explainWrite(errors.Join(err, removeAll(aside)), kernels)
}

// removeAll is os.RemoveAll, also for directories that their owner may not write to.
func removeAll(path string) error {
	err := os.RemoveAll(path)
	if errors.Is(err, fs.ErrPermission) {
		filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				os.Chmod(path, 0o700)
			}
			return nil
		})
		err = os.RemoveAll(path)
	}
	return err
}
