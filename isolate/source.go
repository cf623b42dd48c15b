package isolate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// mountNode is how a mount is shown. The error is fs.ErrNotExist where its
// source doesn't exist.
func mountNode(m Mount) (*node, error) {
	n := &node{target: m.Target, access: m.Access}
	if n.target == "" {
		n.target = m.Source
	}
	n.target = filepath.Clean(n.target)
	if m.Source == "/" {
		return nil, wholeMachine(m.Source)
	}
	if n.target == "/" || !filepath.IsAbs(n.target) {
		return nil, &SetupError{Doing: "mount", Path: n.target, Err: errors.New("not a place inside"),
			Remedy: "name the directories that the program needs, each by its absolute path"}
	}
	switch m.Access {
	case Private:
		n.kind, n.dir, n.mode = privateNode, true, 0o700
		return n, nil
	case Masked:
		n.kind = maskNode
		return n, nil
	}
	return n, n.openSource(m.Source)
}

// isProc says whether m names the process file system for where it always is.
func (m Mount) isProc() bool {
	return filepath.Clean(m.Source) == "/proc" && m.covers("/proc")
}

// covers says whether m is shown at target.
func (m Mount) covers(target string) bool {
	if m.Target == "" {
		return filepath.Clean(m.Source) == target
	}
	return filepath.Clean(m.Target) == target
}

// A hiddenDir is one that no mount may show, nor one above it.
type hiddenDir struct {
	info fs.FileInfo
	why  string
}

// hiddenDirs are the home directory, in which secrets lie, and those in which
// the user's other programs have the sockets that they obey.
func hiddenDirs(home string) []hiddenDir {
	var hidden []hiddenDir
	for _, info := range ancestry(home) {
		hidden = append(hidden, hiddenDir{info, "that would show the whole home directory"})
	}
	for _, dir := range []string{"/tmp", "/var/tmp", "/var", "/dev/shm", "/dev", "/run", os.Getenv("XDG_RUNTIME_DIR")} {
		if info, err := os.Stat(dir); err == nil {
			hidden = append(hidden, hiddenDir{info, "other programs have sockets there, which lead out"})
		}
	}
	return hidden
}

// ancestry is a directory and all above it, by any name that leads there.
func ancestry(dir string) []fs.FileInfo {
	var all []fs.FileInfo
	real, _, err := look(dir)
	for ; err == nil && real != "/"; real = filepath.Dir(real) {
		if info, err := os.Stat(real); err == nil {
			all = append(all, info)
		}
	}
	return all
}

// keepFrom refuses to show a hidden directory. It looks at what will be
// mounted, not at what has the name by now.
func (n *node) keepFrom(hidden []hiddenDir) error {
	for _, dir := range hidden {
		if n.info != nil && os.SameFile(n.info, dir.info) {
			return &SetupError{Doing: "mount", Path: n.source, Err: errors.New(dir.why),
				Remedy: "work in a directory below it, or name the directories that the program needs in MNTDIRS"}
		}
	}
	return nil
}

func wholeMachine(source string) error {
	return &SetupError{Doing: "mount", Path: source, Err: errors.New("that is the whole machine"),
		Remedy: "work in a directory below it, or name the directories that the program needs in MNTDIRS"}
}

// openSource fills in what the source really is. A link is followed here,
// once; the mount itself is made of the real path and follows none.
func (n *node) openSource(source string) error {
	real, info, err := look(source)
	if errors.Is(err, unix.ENOTDIR) {
		err = fs.ErrNotExist
	}
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return &SetupError{Doing: "mount", Path: source, Err: underlying(err),
			Remedy: "it must be readable for the user who starts the sandbox"}
	}
	if real == "/" {
		return wholeMachine(source)
	}
	if isProcRoot(real, info) {
		return &SetupError{Doing: "mount", Path: source, Err: errors.New("that would show every process of the machine"),
			Remedy: "the sandbox has a /proc of its own; remove it from the mounts"}
	}
	n.source, n.info, n.dir = real, info, info.IsDir()
	n.kind = bindNode
	if n.access == CopyOnWrite {
		n.kind = cowNode
		if !n.dir {
			return &SetupError{Doing: "mount", Path: source, Err: errors.New("cow: needs a directory"),
				Remedy: "write cow: before the directory that holds the file"}
		}
	}
	return nil
}

// isProcRoot says whether a directory is the top of a process file system,
// which has the first of its numbers (PROC_ROOT_INO in include/linux/proc_ns.h).
func isProcRoot(path string, info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Ino != 1 || !info.IsDir() {
		return false
	}
	var system unix.Statfs_t
	return unix.Statfs(path, &system) == nil && system.Type == unix.PROC_SUPER_MAGIC
}

// look is the path without links, which the kernel says of an open descriptor
// in three calls where one exists, and what is open: both are of one thing,
// whatever becomes of the path meanwhile.
func look(path string) (real string, info fs.FileInfo, err error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, err
	}
	defer unix.Close(fd)
	opened := fmt.Sprintf("/proc/self/fd/%d", fd)
	if real, err = os.Readlink(opened); err == nil {
		info, err = os.Stat(opened)
	}
	return real, info, err
}
