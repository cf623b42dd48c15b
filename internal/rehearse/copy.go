package rehearse

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"isolate-namespace/internal/regular"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/kernelspec"
)

const (
	maxCopied = 4 << 30 // bytes
	maxFiles  = 100_000
	maxLinks  = 8 // to directories, one below the other: one may lead back
)

// notGraded are names that nbgrader doesn't copy (CourseDirectory.ignore).
var notGraded = []string{".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback"}

// A copier copies the directory of a notebook. What is no file, directory or link is
// left out.
type copier struct {
	course bool // links are followed, as nbgrader does that when it releases an assignment

	bytes int64
	files int
}

func (c *copier) dir(from, to string, links int) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, entry := range entries {
		if c.course && ignored(entry.Name()) {
			continue
		}
		if err := c.entry(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name()), links); err != nil {
			return err
		}
	}
	return os.Chmod(to, info.Mode().Perm()|0o700)
}

func (c *copier) entry(from, to string, links int) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if !c.course {
			return c.link(from, to)
		}
		if info, err = os.Stat(from); err != nil {
			return nil // it leads nowhere
		}
		if links--; links < 0 {
			return nil
		}
	}

	if c.files++; c.files > maxFiles || c.bytes+info.Size() > maxCopied {
		return &kernelspec.Error{Reason: "more lies beside it than is copied, 4 GiB or 100000 files", Remedy: remedy.RehearseLess}
	}
	switch {
	case info.IsDir():
		return c.dir(from, to, links)
	case info.Mode().IsRegular():
		c.bytes += info.Size()
		return copyFile(from, to, info)
	}
	return nil
}

func (c *copier) link(from, to string) error {
	target, err := os.Readlink(from)
	if err != nil {
		return err
	}
	return os.Symlink(target, to)
}

func ignored(name string) bool {
	return slices.ContainsFunc(notGraded, func(pattern string) bool {
		match, err := path.Match(pattern, name)
		return err == nil && match
	})
}

// copyFile copies a file, no more of it than it has now.
func copyFile(from, to string, info fs.FileInfo) error {
	source, err := regular.Open(from)
	if err != nil {
		return &os.PathError{Op: "copy", Path: from, Err: err}
	}
	defer source.Close()
	copied, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(copied, source, info.Size())
	if errors.Is(err, io.EOF) { // it has become shorter
		err = nil
	}
	if err = errors.Join(err, copied.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}
