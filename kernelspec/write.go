package kernelspec

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/remedy"
)

// explainWrite says what helps if nothing could be written.
func explainWrite(err error, kernels string) error {
	switch {
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS):
		return &Error{Reason: fmt.Sprintf("%s can't be written", kernels), Remedy: remedy.InstallForUser}
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
		return &Error{Reason: fmt.Sprintf("no space is left for %s", kernels), Remedy: remedy.MakeSpace}
	case errors.Is(err, unix.EBUSY): // rename(2)
		return &Error{Reason: fmt.Sprintf("the kernel's directory in %s is a mount point", kernels), Remedy: remedy.Unmount}
	}
	return err
}

// makeAside makes a directory for what is to be renamed to a kernel's. It lies among the
// kernels, since a volume may begin there. Jupyter lists only those that have a
// kernel.json in them, and here that is one level below.
func makeAside(kernels string) (string, error) { return os.MkdirTemp(kernels, ".isolate-") }

// write puts the spec, its record, if there is one, and the base's resources into a
// temporary directory and renames it. The notes say which resources it leaves out.
func write(spec Spec, made *record, baseDir, dir string) (notes []string, err error) {
	data, err := spec.Marshal()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"kernel.json": data}
	if made != nil {
		if files[recordName], err = made.marshal(); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}

	aside, err := makeAside(filepath.Dir(dir))
	if err != nil {
		return nil, err
	}
	defer removeAll(aside)

	r, err := findResources(baseDir)
	if err != nil {
		return nil, fmt.Errorf("find the resources of %s: %w", baseDir, err)
	}
	defer r.root.Close()
	fresh := filepath.Join(aside, "new")
	if err := r.copyTo(fresh); err != nil {
		return nil, fmt.Errorf("copy the resources of %s: %w", baseDir, err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(fresh, name), text, 0o644); err != nil {
			return nil, err
		}
	}

	return r.notes(), replace(fresh, dir)
}

// replace puts fresh in the place of dir in one step, so that nobody ever finds half a
// spec, or none where there was one. The old dir takes fresh's place. Another install
// may come between any two steps of this one.
func replace(fresh, dir string) error {
	for {
		err := unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE)
		if err == unix.ENOENT {
			err = unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, dir, unix.RENAME_NOREPLACE)
			if err == unix.EEXIST {
				continue
			}
		}
		if err == unix.EINVAL || err == unix.ENOSYS || err == unix.EXDEV { // some file systems can do neither
			return replaceInSteps(fresh, dir)
		}
		if err != nil {
			return &os.LinkError{Op: "rename", Old: fresh, New: dir, Err: err}
		}
		return nil
	}
}

// replaceContents is replace for a directory that comes with a container's image, which
// overlayfs doesn't rename. The record and the spec are replaced last, each in one step.
func replaceContents(fresh, dir string) error {
	made, err := os.ReadDir(fresh)
	if err != nil {
		return err
	}
	last := []string{recordName, "kernel.json"}
	slices.SortStableFunc(made, func(a, b os.DirEntry) int {
		return cmp.Compare(slices.Index(last, a.Name()), slices.Index(last, b.Name()))
	})
	keep := map[string]bool{}
	for _, entry := range made {
		name := entry.Name()
		keep[name] = true
		if entry.IsDir() || isDir(filepath.Join(dir, name)) {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
		if err := os.Rename(filepath.Join(fresh, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}

	old, err := os.ReadDir(dir)
	for _, entry := range old {
		if !keep[entry.Name()] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
		}
	}
	return err
}

func isDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// replaceInSteps is replace for file systems that can't exchange two names.
func replaceInSteps(fresh, dir string) error {
	old := fresh + "-old"
	err := os.Rename(dir, old)
	if errors.Is(err, unix.EXDEV) && isDir(dir) {
		return replaceContents(fresh, dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return errors.Join(err, os.Rename(old, dir))
	}
	return nil
}
