package isolate

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// copyOnWrite returns the tree's CopyOnWrite mounts.
func (t *tree) copyOnWrite() []*node {
	return slices.DeleteFunc(slices.Clone(t.nodes), func(n *node) bool { return n.kind != cowNode })
}

// tidyCowDir removes what lies in CowDir apart from the changes: what the kernel leaves
// there, and copies that the program left as they were. It follows no link.
func (p *Policy) tidyCowDir(mounts []*node) {
	if p.CowDir == "" {
		return
	}
	kept, err := unix.Open(p.CowDir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(kept)
	left, _ := os.ReadDir(p.CowDir)
	for _, work := range left {
		if !strings.HasPrefix(work.Name(), workPrefix) {
			continue
		}
		// The kernel makes it without permissions.
		if fd, err := openBelow(kept, filepath.Join(work.Name(), "work"), unix.O_PATH|unix.O_DIRECTORY); err == nil {
			os.Chmod("/proc/self/fd/"+strconv.Itoa(fd), 0o700)
			unix.Close(fd)
		}
		os.RemoveAll(filepath.Join(p.CowDir, work.Name()))
	}

	for _, n := range mounts {
		n.removeUnchanged(kept)
	}
}

// removeUnchanged removes n's copies that are as they were made.
func (n *node) removeUnchanged(kept int) {
	if len(n.copies) < 2 {
		return
	}
	upper, err := openBelow(kept, filepath.Join(".", n.target), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return
	}
	defer unix.Close(upper)
	lower, err := unix.Open(n.source, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(lower)

	for _, c := range slices.Backward(n.copies[1:]) {
		parent, err := openBelow(upper, filepath.Dir(c.path), unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			continue
		}
		name, flags := filepath.Base(c.path), 0
		if c.kind == unix.S_IFDIR {
			flags = unix.AT_REMOVEDIR // of an empty one only
		}
		if c.isUnchanged(parent, name, lower) {
			removeFrom(parent, name, flags)
		}
		unix.Close(parent)
	}
}

// removeFrom removes a directory's entry, also if the directory is closed to its owner.
func removeFrom(dir int, name string, flags int) {
	var st unix.Stat_t
	if unix.Unlinkat(dir, name, flags) != unix.EACCES || unix.Fstat(dir, &st) != nil {
		return
	}
	path := "/proc/self/fd/" + strconv.Itoa(dir)
	if unix.Chmod(path, st.Mode&0o7777|0o700) == nil {
		unix.Unlinkat(dir, name, flags)
		unix.Chmod(path, st.Mode&0o7777)
	}
}

// isUnchanged reports whether an entry is still the copy of its original in the
// directory lower.
func (c *copied) isUnchanged(dir int, name string, lower int) bool {
	var st unix.Stat_t
	if unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Mode&unix.S_IFMT != c.kind {
		return false
	}
	switch c.kind {
	case unix.S_IFLNK:
		text := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(dir, name, text)
		return err == nil && string(text[:n]) == c.to
	case unix.S_IFDIR:
		return st.Mode&0o7777 == c.mode && !isOpaque(dir, name)
	}
	if st.Mode&0o7777 != c.mode || st.Size != c.size || st.Mtim != c.mtime {
		return false
	}
	ours, err := openBelow(dir, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return false
	}
	f := os.NewFile(uintptr(ours), name)
	defer f.Close()
	theirs, err := openBelow(lower, c.path, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return false
	}
	g := os.NewFile(uintptr(theirs), name)
	defer g.Close()
	parts := extents(dir, name, &st)
	if !slices.Equal(parts, c.filled) {
		return false
	}
	for _, e := range parts {
		if !sameContent(io.NewSectionReader(f, e.at, e.size), io.NewSectionReader(g, e.at, e.size)) {
			return false
		}
	}
	return true
}

// isOpaque reports whether a directory of an upper layer hides the one below it.
func isOpaque(dir int, name string) bool {
	fd, err := openBelow(dir, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	_, err = unix.Fgetxattr(fd, "user.overlay.opaque", make([]byte, 1))
	return err == nil
}

func sameContent(f, g io.Reader) bool {
	a, b := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(f, a)
		m, err2 := io.ReadFull(g, b)
		if n != m || !bytes.Equal(a[:n], b[:m]) {
			return false
		}
		if err != nil || err2 != nil {
			return (err == io.EOF || err == io.ErrUnexpectedEOF) && err == err2
		}
	}
}
