// Package reportfile writes a report to a file, whatever the program that it is about
// does to the file and its directory meanwhile.
package reportfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// A File is where the report goes: tried before anything runs, since a
// program whose report can't be written has not been judged.
//
// The program may be able to write to the directory. It can then put anything
// at any name and change the directory itself, but it has ended before the
// report is written. So the report is a new file in the directory that was
// opened before, and replaces what is there without looking into it.
type File struct {
	path  string
	dir   int      // an O_PATH descriptor of the directory, or -1
	name  string   // in the directory
	mode  uint32   // of the directory
	plain *os.File // what is written to as it is, or nil
	kept  bool     // plain is a file in a directory that we can't write to
}

// Open returns nil, which Write takes too, if path is "": no report is wanted. The error
// is an *isolate.SetupError.
func Open(path string) (*File, error) {
	if path == "" {
		return nil, nil
	}
	r := &File{path: path, dir: -1}
	if err := r.open(); err != nil {
		r.close()
		return nil, &isolate.SetupError{Doing: "open the report", Path: path, Err: err, Kind: remedy.KindReport}
	}
	return r, nil
}

func (r *File) open() (err error) {
	if fd, ok := ownDescriptor(r.path); ok {
		fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		r.plain = os.NewFile(uintptr(fd), r.path)
		return err
	}
	if strings.HasSuffix(r.path, "/") {
		return unix.EISDIR
	}
	if r.dir, err = unix.Open(filepath.Dir(r.path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	var dir, there unix.Stat_t
	if err := unix.Fstat(r.dir, &dir); err != nil {
		return err
	}
	r.name, r.mode = filepath.Base(r.path), dir.Mode&0o7777

	err = unix.Fstatat(r.dir, r.name, &there, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil && err != unix.ENOENT {
		return err
	}
	switch there.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return unix.EISDIR
	case unix.S_IFIFO, unix.S_IFCHR, unix.S_IFBLK, unix.S_IFSOCK:
		return r.openPlain(0)
	}
	// An empty one, so that nobody takes an earlier run's for this one's.
	replaceErr := r.replace(nil, r.makeUnnamed)
	if err == nil && (replaceErr == unix.EACCES || replaceErr == unix.EPERM || replaceErr == unix.EROFS) {
		r.kept = true
		return r.openPlain(unix.O_TRUNC)
	}
	return replaceErr
}

// openPlain opens what is there, to be written to as it is.
func (r *File) openPlain(flags int) error {
	fd, err := unix.Openat(r.dir, r.name, flags|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	r.plain = os.NewFile(uintptr(fd), r.path)
	return err
}

// ownDescriptor returns the descriptor that path is a name of.
func ownDescriptor(path string) (fd int, ok bool) {
	switch path {
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	for _, dir := range []string{"/dev/fd/", "/proc/self/fd/"} {
		if number, ok := strings.CutPrefix(path, dir); ok {
			fd, err := strconv.Atoi(number)
			return fd, err == nil
		}
	}
	return 0, false
}

// Write writes the report and closes the file. The program must have ended.
func (r *File) Write(text []byte) error {
	if r == nil {
		return nil
	}
	defer r.close()
	err := errors.New("the program has moved or replaced what was there")
	if r.isThere() {
		err = r.put(text)
	}
	if err != nil {
		return &isolate.SetupError{Doing: "write the report", Path: r.path, Err: err, Kind: remedy.KindReportChanged}
	}
	return nil
}

func (r *File) put(text []byte) error {
	if r.plain == nil {
		err := r.replace(text, r.makeUnnamed)
		if err == unix.EACCES { // the program has taken our own permission to write
			unix.Chmod(descriptorPath(r.dir), r.mode)
			err = r.replace(text, r.makeUnnamed)
		}
		return err
	}
	if r.kept { // the program may have written to it
		err := r.plain.Truncate(0)
		if err == nil {
			_, err = r.plain.WriteAt(text, 0)
		}
		return err
	}
	_, err := r.plain.Write(text)
	return err
}

// isThere reports whether the path still leads to what was opened.
func (r *File) isThere() bool {
	if r.dir < 0 || r.plain != nil && !r.kept {
		return true
	}
	var named, own unix.Stat_t
	if unix.Stat(filepath.Dir(r.path), &named) != nil || unix.Fstat(r.dir, &own) != nil || named.Dev != own.Dev || named.Ino != own.Ino {
		return false
	}
	if !r.kept {
		return true
	}
	return unix.Fstatat(r.dir, r.name, &named, unix.AT_SYMLINK_NOFOLLOW) == nil && unix.Fstat(int(r.plain.Fd()), &own) == nil &&
		named.Dev == own.Dev && named.Ino == own.Ino
}

// replace puts a new file with the text at the report's name, all at once.
func (r *File) replace(text []byte, make func() (int, error)) error {
	fd, err := make()
	name := ""
	if err == unix.EOPNOTSUPP || err == unix.EISDIR || err == unix.EINVAL { // no files without a name here (open(2))
		fd, name, err = r.makeNamed()
	}
	if err != nil {
		return err
	}
	fresh := os.NewFile(uintptr(fd), r.path)
	defer fresh.Close()

	_, err = fresh.Write(text)
	if err == nil && name == "" {
		name = randomName()
		err = unix.Linkat(unix.AT_FDCWD, descriptorPath(fd), r.dir, name, unix.AT_SYMLINK_FOLLOW)
	}
	if err == nil {
		err = r.rename(name)
	}
	if err != nil && name != "" {
		unix.Unlinkat(r.dir, name, 0)
	}
	return err
}

// makeUnnamed makes a file that nobody else can open.
func (r *File) makeUnnamed() (fd int, err error) {
	return unix.Openat(r.dir, ".", unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o666)
}

// makeNamed makes a file with a name that nobody can guess.
func (r *File) makeNamed() (fd int, name string, err error) {
	name = randomName()
	fd, err = unix.Openat(r.dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_WRONLY|unix.O_CLOEXEC, 0o666)
	return fd, name, err
}

func randomName() string {
	var random [16]byte
	unix.Getrandom(random[:], 0) // it fails only where the kernel has no such call
	return ".report-" + hex.EncodeToString(random[:])
}

// rename gives a file the report's name. A directory there is the program's and
// goes, or what can't be removed of it stays under a name of ours.
func (r *File) rename(name string) error {
	err := unix.Renameat(r.dir, name, r.dir, r.name)
	if err != unix.EISDIR && err != unix.ENOTEMPTY && err != unix.EEXIST {
		return err
	}
	if err := unix.Renameat2(r.dir, name, r.dir, r.name, unix.RENAME_EXCHANGE); err != nil {
		return err
	}
	os.RemoveAll(filepath.Join(descriptorPath(r.dir), name))
	return nil
}

func descriptorPath(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

func (r *File) close() {
	r.plain.Close()
	if r.dir >= 0 {
		unix.Close(r.dir)
	}
}
