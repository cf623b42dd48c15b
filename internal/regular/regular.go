// Package regular opens files that a stranger may have made, or may swap at any
// moment: never one that blocks, acts when it is opened, or has no end.
package regular

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNot says that a path leads to a directory, a device, a named pipe, a
// socket or, for OpenHere, a link.
var ErrNot = errors.New("not a regular file")

// ErrLong says that a file is longer than what was to be read of it.
var ErrLong = errors.New("the file is too long")

// Executable reports whether a path leads to a regular file that this process may
// execute.
func Executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && unix.Access(path, unix.X_OK) == nil
}

// Open opens the regular file that a path leads to, for reading.
func Open(path string) (*os.File, error) {
	found, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return reopen(found, path)
}

// OpenHere opens the regular file at a path that has no links in it, for
// reading.
func OpenHere(path string) (*os.File, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	found, err := unix.Openat2(unix.AT_FDCWD, path, &how)
	if err == unix.ENOSYS || err == unix.EPERM { // a filter of a container's
		found, err = unix.Open(path, int(how.Flags), 0)
	}
	if err != nil {
		return nil, err
	}
	return reopen(found, path)
}

// OpenIn opens the regular file at a path in root for reading. Links that lead out
// of root are errors.
func OpenIn(root *os.Root, path string) (*os.File, error) {
	f, err := root.OpenFile(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNot
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// reopen opens for reading what was found, if that is a regular file: others
// may act when they are opened. It takes the descriptor.
func reopen(found int, path string) (*os.File, error) {
	defer unix.Close(found)
	var st unix.Stat_t
	if err := unix.Fstat(found, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, ErrNot
	}

	// Without O_NONBLOCK whoever has a lease on the file holds us up.
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", found), flags, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Same reports whether the rest of two files is the same.
func Same(a, b *os.File) bool {
	infoA, errA := a.Stat()
	infoB, errB := b.Stat()
	if errA != nil || errB != nil || infoA.Size() != infoB.Size() {
		return false
	}

	// No more than that: a file may become longer meanwhile.
	left := infoA.Size()
	blockA, blockB := make([]byte, 64<<10), make([]byte, 64<<10)
	for left > 0 {
		n := min(left, int64(len(blockA)))
		_, errA := io.ReadFull(a, blockA[:n])
		_, errB := io.ReadFull(b, blockB[:n])
		if errA != nil || errB != nil || !bytes.Equal(blockA[:n], blockB[:n]) {
			return false
		}
		left -= n
	}
	return true
}

// Read reads the regular file that a path leads to, if it has no more bytes
// than most.
func Read(path string, most int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		return nil, ErrLong
	}
	return text, err
}
