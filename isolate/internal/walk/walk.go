// Package walk follows a path from one root as the kernel would, one name at a time,
// and opens nothing on the way: no device, no pipe, no automounter's directory.
package walk

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// A Place is where a path leads.
type Place struct {
	// Path has no links in it, up to the first name that is missing.
	Path string
	// Missing is how many names at its end are missing. With one, the directory that
	// would hold it is there.
	Missing int
	// Stat says what is there, if nothing is missing.
	Stat unix.Stat_t
}

// ErrAutomounter is the error for a path that only an automounter could say more about.
var ErrAutomounter = errors.New("an automounter's directory")

const (
	mostLinks = 40  // as many as the kernel follows, path_resolution(7)
	mostNames = 512 // in a path with what its links say
)

// Follow follows an absolute path from root, an open directory. With link, a link at the
// end is not followed. mounted says whether something is mounted at a path; an
// automounter's directory is entered only there.
func Follow(root int, to string, link bool, mounted func(path string) bool) (Place, error) {
	w := walker{root: root, fd: -1, mounted: mounted}
	defer w.leave()
	if err := w.begin(); err != nil {
		return Place{}, err
	}

	names := split(to)
	for steps := 0; len(names) > 0; steps++ {
		if steps > mostNames || len(names) > mostNames {
			return Place{}, unix.ENAMETOOLONG
		}
		name := names[0]
		names = names[1:]
		if name == ".." {
			if err := w.up(); err != nil {
				return Place{}, err
			}
			continue
		}

		to, err := w.down(name, len(names) > 0 || !link)
		if err == unix.ENOENT || err == unix.ENOTDIR {
			rest := path.Join(append([]string{w.path, name}, names...)...)
			return Place{Path: rest, Missing: len(split(rest)) - len(split(w.path))}, nil
		}
		if err != nil {
			return Place{}, err
		}
		if to == "" {
			continue
		}
		names = append(split(to), names...)
		if path.IsAbs(to) {
			if err := w.begin(); err != nil {
				return Place{}, err
			}
		}
	}
	if w.automounts {
		return Place{}, ErrAutomounter
	}
	return Place{Path: w.path, Stat: w.stat}, nil
}

// split returns the names of a path.
func split(to string) []string {
	var names []string
	for name := range strings.SplitSeq(to, "/") {
		if name != "" && name != "." {
			names = append(names, name)
		}
	}
	return names
}

type walker struct {
	root    int
	mounted func(string) bool

	fd         int // where it is
	path       string
	stat       unix.Stat_t
	links      int
	automounts bool // an automounter has what is here
}

// begin goes to the root.
func (w *walker) begin() error {
	fd, err := unix.FcntlInt(uintptr(w.root), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return w.enter(fd, "/")
}

// enter goes to where fd is.
func (w *walker) enter(fd int, to string) error {
	w.leave()
	before := w.stat.Dev
	w.fd, w.path = fd, to
	if err := unix.Fstat(fd, &w.stat); err != nil {
		return err
	}
	if w.stat.Dev != before || to == "/" {
		var fs unix.Statfs_t
		err := unix.Fstatfs(fd, &fs)
		w.automounts = err == nil && fs.Type == unix.AUTOFS_SUPER_MAGIC
	}
	return nil
}

func (w *walker) leave() {
	if w.fd >= 0 {
		unix.Close(w.fd)
	}
	w.fd = -1
}

// up goes to the directory above, and stays in the root.
func (w *walker) up() error {
	if w.path == "/" {
		return nil
	}
	fd, err := unix.Openat(w.fd, "..", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return w.enter(fd, path.Dir(w.path))
}

// down goes to a name in the directory. For a link that is to be followed it stays, and
// returns what the link says.
func (w *walker) down(name string, follow bool) (to string, err error) {
	below := path.Join(w.path, name)
	if w.automounts && !w.mounted(below) {
		return "", ErrAutomounter
	}
	// Such a descriptor doesn't make an automounter mount anything (openat(2)).
	fd, err := unix.Openat(w.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}

	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFLNK || !follow {
		return "", w.enter(fd, below)
	}
	defer unix.Close(fd)
	if err != nil {
		return "", err
	}
	if w.links++; w.links > mostLinks {
		return "", unix.ELOOP
	}
	var buffer [unix.PathMax]byte
	n, err := unix.Readlinkat(fd, "", buffer[:])
	if err != nil || n == 0 {
		return "", unix.ENOENT
	}
	return string(buffer[:n]), nil
}
