package isolate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// mountNode opens a mount's source and returns its node. The error is fs.ErrNotExist if
// the source doesn't exist.
func mountNode(m Mount) (*node, error) {
	if m.Source != "" && !filepath.IsAbs(m.Source) {
		dir, err := WorkingDir()
		if err != nil {
			return nil, err
		}
		m.Source = filepath.Join(dir, m.Source)
	}
	n := &node{target: m.Target, access: m.Access}
	if n.target == "" {
		n.target = m.Source
	}
	n.target = filepath.Clean(n.target)
	n.own = n.target == filepath.Clean(m.Source)
	if m.Wherever {
		return n, n.openWherever(m)
	}
	if m.Source == "/" {
		return nil, wholeMachine(m.Source)
	}
	if n.target == "/" || !filepath.IsAbs(n.target) {
		return nil, &SetupError{Doing: "mount", Path: n.target, Err: errors.New("not a place inside"), Kind: KindPlace}
	}

	switch m.Access {
	case AccessPrivate:
		n.kind, n.dir, n.mode = privateNode, true, 0o700
		return n, nil
	case AccessMasked:
		n.kind = maskNode
		return n, nil
	}

	if err := n.openSource(m.Source); err != nil {
		return n, err
	}
	return n, n.refuseDevice(m.Source)
}

// refuseDevice refuses a mount of a device: nobody could open it inside, where mounts
// show none.
func (n *node) refuseDevice(source string) error {
	e := &SetupError{Doing: "mount", Path: source}
	switch n.host.mode & unix.S_IFMT {
	case unix.S_IFCHR:
		e.Err, e.Kind, e.About = errors.New("it is a device, which can't be opened through a mount"), KindDevice, n.source
		if isOwnDevice(n.source) {
			e.Kind, e.About = KindOwnDevice, n.target
		}
	case unix.S_IFBLK:
		e.Err, e.Kind = errors.New("it is a block device, with a whole file system on it"), KindNotDevice
	default:
		return nil
	}
	return e
}

// openWherever is openSource for a mount that belongs wherever others show its source.
func (n *node) openWherever(m Mount) (err error) {
	switch m.Access {
	case AccessPrivate:
		n.kind, n.mode = privateNode, 0o700
	case AccessMasked:
		n.kind = maskNode
	default:
		return n.openSource(m.Source)
	}
	if n.host, err = look(m.Source); errors.Is(err, unix.ENOTDIR) {
		return fs.ErrNotExist
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unreadable("hide", m.Source, err)
	}
	n.dir = true
	return err
}

// isOwn reports whether m names something that every sandbox has itself, at its usual
// place.
func (m Mount) isOwn() bool {
	source := filepath.Clean(m.Source)
	name, isDevice := strings.CutPrefix(source, "/dev/")
	return (source == "/proc" || isDevice && slices.Contains(devices, name)) && m.covers(source)
}

// covers reports whether m is shown at target.
func (m Mount) covers(target string) bool {
	if m.Target == "" {
		return filepath.Clean(m.Source) == target
	}
	return filepath.Clean(m.Target) == target
}

func wholeMachine(source string) error {
	return &SetupError{Doing: "mount", Path: source, Err: errors.New("that is the whole machine"), Kind: KindHidden}
}

// A hostFile is a file or directory of the host as it was when we looked at it.
type hostFile struct {
	fileID
	path  string // without links
	mount int    // the mount's number
	mode  uint32 // as in stat(2)
	uid   uint32
	links uint32
}

// A fileID identifies a file under all its names.
type fileID struct{ dev, ino uint64 }

func idOf(info fs.FileInfo) fileID {
	st := info.Sys().(*syscall.Stat_t) // as on every Unix
	return fileID{uint64(st.Dev), st.Ino}
}

func (f *hostFile) isDir() bool { return f.mode&unix.S_IFMT == unix.S_IFDIR }

// openSource fills in the real source. Links are followed here, once; the mount itself
// is made from the real path and follows none.
func (n *node) openSource(source string) error {
	f, err := look(source)
	if errors.Is(err, unix.ENOTDIR) {
		err = fs.ErrNotExist
	}
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return unreadable("mount", source, err)
	}
	if f.path == "/" {
		return wholeMachine(source)
	}

	n.source, n.host, n.dir = f.path, f, f.isDir()
	n.kind = bindNode
	if n.access == AccessCopyOnWrite {
		n.kind = cowNode
		if !n.dir {
			return &SetupError{Doing: "mount", Path: source, Err: errors.New("cow: needs a directory"), Kind: KindCowFile}
		}
	}

	return nil
}

// unreadable is the error for a path that can't be looked at.
func unreadable(doing, path string, err error) *SetupError {
	e := &SetupError{Doing: doing, Path: path, Err: underlying(err), Kind: KindUnreadable}
	switch e.Err {
	case unix.ELOOP:
		e.Kind = KindLoop
	case unix.ENOTCONN, unix.ESTALE:
		e.Err = fmt.Errorf("%w: what serves this file system has ended, or doesn't know it any more", e.Err)
		e.Kind, e.About = KindDeadServer, path
		for dir := path; dir != "/" && isDead(dir); dir = filepath.Dir(dir) {
			e.About = dir
		}
	}
	return e
}

// isDead reports whether nobody answers for path's file system.
func isDead(path string) bool {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	return err == unix.ENOTCONN || err == unix.ESTALE
}

// look returns what a path leads to. The real path, which the kernel says for an open
// descriptor, and everything else belong to the same file, even if the path changes
// while we look.
func look(path string) (*hostFile, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	real, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noProc()
	}
	if err != nil {
		return nil, err
	}
	f, err := statHost(fd, "", unix.AT_EMPTY_PATH)
	if err != nil {
		return nil, err
	}
	f.path = real
	return f, nil
}

// lookNear is look for a directory whose path hardly ever contains a link.
func lookNear(path string) (*hostFile, error) {
	f, err := statHost(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW)
	for dir, at := path, f; err == nil; at, err = statHost(unix.AT_FDCWD, dir, unix.AT_SYMLINK_NOFOLLOW) {
		if !at.isDir() {
			return look(path)
		}
		if dir = filepath.Dir(dir); dir == "/" {
			f.path = path
			return f, nil
		}
	}
	return nil, err
}

// statHost is statx(2), all but the path.
func statHost(at int, path string, flags int) (*hostFile, error) {
	var st unix.Statx_t
	if err := unix.Statx(at, path, flags, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &st); err != nil {
		return nil, err
	}
	return &hostFile{
		fileID: fileID{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino},
		mount:  int(st.Mnt_id), mode: uint32(st.Mode), uid: st.Uid, links: st.Nlink,
	}, nil
}

// underlying returns the reason in an error of package os, without the call and the
// path, which our own message names.
func underlying(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
