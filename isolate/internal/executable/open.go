package executable

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// ErrNotRegular says that a path leads to a directory, a device, a named pipe,
// a socket or a symbolic link.
var ErrNotRegular = errors.New("not a regular file")

// ReadPath reads the regular file at a path that has no links in it. It opens
// nothing else and waits for nobody, whatever somebody puts in its place.
func ReadPath(path string) (File, error) {
	// A device or a named pipe must not be opened to be recognized.
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	found, err := unix.Openat2(unix.AT_FDCWD, path, &how)
	if err == unix.ENOSYS || err == unix.EPERM { // a filter of a container's
		found, err = unix.Open(path, int(how.Flags), 0)
	}
	if err != nil {
		return File{}, err
	}
	defer unix.Close(found)

	var st unix.Stat_t
	if err := unix.Fstat(found, &st); err != nil {
		return File{}, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return File{}, ErrNotRegular
	}

	// Without O_NONBLOCK whoever has a lease on the file holds us up.
	file, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", found), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return File{}, err
	}
	defer unix.Close(file)
	return Read(descriptor(file)), nil
}

// A descriptor is read at places, so that a position is nobody's.
type descriptor int

func (d descriptor) ReadAt(data []byte, offset int64) (n int, err error) {
	n, err = unix.Pread(int(d), data, offset)
	if err == nil && n < len(data) {
		err = io.EOF
	}
	return max(n, 0), err
}
