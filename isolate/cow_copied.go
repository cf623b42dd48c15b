package isolate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A copied is a file, directory or link to be put into an upper layer.
type copied struct {
	path   string // as seen from the mount's source; "." is that itself
	kind   uint32 // S_IFREG, S_IFDIR or S_IFLNK
	mode   uint32 // of the copy
	size   int64
	atime  unix.Timespec
	mtime  unix.Timespec
	to     string     // link: what it says
	same   string     // file: another name of it that comes before
	filled []extent   // file: the parts that aren't holes
	attrs  []userAttr // file or directory
}

// An extent is a part of a file.
type extent struct{ at, size int64 }

// A userAttr is an extended attribute of a user's own, xattr(7).
type userAttr struct{ name, value string }

// copyOf returns the copy of an entry, which belongs to the caller and has the
// permissions that the caller has. Root has none inside, and gets those of the owner.
func (s *foreignSearch) copyOf(dir int, name, path string, st *unix.Stat_t) *copied {
	c := &copied{path: path, kind: st.Mode & unix.S_IFMT, mode: st.Mode & 0o1777, size: st.Size, atime: st.Atim, mtime: st.Mtim}
	if c.kind == unix.S_IFDIR {
		c.mode |= st.Mode & unix.S_ISGID
	}
	if c.kind == unix.S_IFLNK {
		text := make([]byte, unix.PathMax)
		n, _ := unix.Readlinkat(dir, name, text)
		c.to = string(text[:max(n, 0)])
		return c
	}

	if st.Uid != s.uid && s.uid != 0 {
		c.mode &^= 0o700
		for bit, how := range map[uint32]uint32{0o400: unix.R_OK, 0o200: unix.W_OK, 0o100: unix.X_OK} {
			if s.may(dir, name, st, how) {
				c.mode |= bit
			}
		}
	}
	if st.Nlink > 1 && c.kind == unix.S_IFREG {
		c.same = s.names[fileID{st.Dev, st.Ino}]
	}
	if st.Uid != s.uid || st.Gid != s.gid {
		c.attrs = userAttrs(dir, name)
	}
	return c
}

// may reports whether the caller may use an entry so outside. Root may do what its owner
// may.
func (s *foreignSearch) may(dir int, name string, st *unix.Stat_t, how uint32) bool {
	if s.uid == 0 {
		return st.Mode>>6&how == how
	}
	flags := unix.AT_EACCESS | unix.AT_SYMLINK_NOFOLLOW
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	err := unix.Faccessat2(dir, name, how, flags)
	if err != unix.EROFS {
		return err == nil
	}
	// In a copy of what is mounted read-only the mode decides.
	groups, _ := os.Getgroups()
	isMember := st.Gid == s.gid || slices.Contains(groups, int(st.Gid))
	return isMember && st.Mode>>3&how == how || !isMember && st.Mode&how == how
}

// mayRead reports whether the program could read a file, were it only mounted.
func (s *foreignSearch) mayRead(dir int, name string) bool {
	return unix.Faccessat2(dir, name, unix.R_OK, unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW) == nil
}

// extents returns the parts of a file that aren't holes.
func extents(dir int, name string, st *unix.Stat_t) []extent {
	const most = 64
	whole := []extent{{0, st.Size}}
	if st.Size == 0 || st.Blocks*512 >= st.Size {
		return whole
	}
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return whole
	}
	defer unix.Close(fd)
	var parts []extent
	for at := int64(0); len(parts) < most; {
		begin, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if err == unix.ENXIO {
			return parts
		}
		end, err2 := unix.Seek(fd, begin, unix.SEEK_HOLE)
		if err != nil || err2 != nil {
			break
		}
		parts = append(parts, extent{begin, end - begin})
		at = end
	}
	return whole
}

// userAttrs returns the attributes in the name space "user" of a file or directory, but
// for those that overlays make.
func userAttrs(dir int, name string) (attrs []userAttr) {
	const longest = 4096
	fd, err := openBelow(dir, filepath.Join(".", name), unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	buffer := make([]byte, longest)
	n, err := unix.Flistxattr(fd, buffer)
	if err != nil {
		return nil
	}
	for name := range strings.SplitSeq(string(buffer[:n]), "\x00") {
		if !strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "user.overlay.") {
			continue
		}
		if n, err := unix.Fgetxattr(fd, name, buffer); err == nil {
			attrs = append(attrs, userAttr{name, string(buffer[:n])})
		}
	}
	return attrs
}

// openBelow opens what is at a path below a directory, following no link and entering no
// other mount.
func openBelow(dir int, path string, flags uint64) (int, error) {
	return unix.Openat2(dir, path, &unix.OpenHow{Flags: flags | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV})
}
