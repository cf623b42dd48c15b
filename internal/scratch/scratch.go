// Package scratch makes directories that last as long as a command: those of a
// command that was killed are removed by the next one.
package scratch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A Dir is a directory for one user alone. It is locked while it is in use.
type Dir struct {
	Path string
	lock *os.File
}

// Make makes a directory in parent, which it makes too if it isn't there. Pattern
// is as for os.MkdirTemp. Directories of that pattern that nobody uses any more
// are removed first.
func Make(parent, pattern string) (*Dir, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	removeAbandoned(parent, pattern)

	for {
		d, err := makeLocked(parent, pattern)
		if !errors.Is(err, fs.ErrNotExist) {
			return d, err
		}
	}
}

// makeLocked makes a directory and locks it against removeAbandoned. If that of
// another process removed it in between, the error is fs.ErrNotExist.
func makeLocked(parent, pattern string) (*Dir, error) {
	path, err := os.MkdirTemp(parent, pattern)
	if err != nil {
		return nil, err
	}
	lock, err := os.Open(path)
	if err != nil {
		return nil, err
	}

	d := &Dir{path, lock}
	err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	if err != nil && err != unix.ENOLCK && err != unix.EOPNOTSUPP { // a file system without locks
		d.Remove()
		return nil, &os.PathError{Op: "flock", Path: path, Err: err}
	}
	if _, err := os.Stat(path); err != nil {
		lock.Close()
		return nil, err
	}
	return d, nil
}

// Remove removes the directory with all that is in it.
func (d *Dir) Remove() error {
	defer d.lock.Close()
	return RemoveAll(d.Path)
}

// RemoveAll is os.RemoveAll, also for directories that a program left without
// the permission to write.
func RemoveAll(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// removeAbandoned removes the directories of commands that were killed: nobody
// holds their locks any more.
func removeAbandoned(parent, pattern string) {
	dirs, err := filepath.Glob(filepath.Join(parent, pattern))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		lock, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if err != nil {
			continue
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			RemoveAll(dir)
		}
		lock.Close()
	}
}
