package isolate

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel copies a file or directory into an overlay's upper layer when it is first
// changed, but only if its owner and group exist in the sandbox (EOVERFLOW, ovl_copy_up_one
// in fs/overlayfs/copy_up.c), and there only the caller's own do. So what has another
// owner or group is put into the upper layer beforehand, as the caller's own, with the
// permissions that the caller has: within these bounds, which hold for all
// CopyOnWrite mounts of a sandbox together.
const (
	mostCopies    = 4096     // files, directories and links
	mostCopied    = 64 << 20 // bytes
	mostLookedAt  = 200_000  // files, directories and links
	longestSearch = time.Second

	longestCopy = 8 << 40 // bytes with holes; what ext4 takes is less than twice that

	pageSize = 4096 // what a file takes in memory is a multiple of this
)

// copyBounds are what may still be copied and looked at.
type copyBounds struct {
	files int
	bytes int64
	looks int
	until time.Time
}

// copyBounds returns the bounds for a sandbox. Copies in memory leave at least half of
// it to the program.
func (l *limiter) copyBounds(p *Policy) *copyBounds {
	b := &copyBounds{mostCopies, mostCopied, mostLookedAt, time.Now().Add(longestSearch)}
	if l.TmpSize > 0 && p.CowDir == "" {
		b.files, b.bytes = min(b.files, l.tmpfsNames()/2), min(b.bytes, l.TmpSize/2)
	}
	return b
}

// An Uncopied says what of a CopyOnWrite mount the program can't change, since it has
// another owner or group and isn't copied.
type Uncopied struct {
	Source string // of the mount
	First  string // one of them, as seen from there
	Count  int
	// Closed says that they aren't copied since they can't be read, and not since
	// they are too many or too large.
	Closed bool
	// More says that there is more than the Looked files and directories that were
	// looked at.
	More   bool
	Looked int
}

// CopyLimits returns how many files, directories and links of another owner or group
// are copied, and how many bytes of them.
func CopyLimits() (files int, bytes int64) { return mostCopies, mostCopied }

// A foreignSearch looks for what has another owner or group.
type foreignSearch struct {
	root     int // descriptor of the source
	uid, gid uint32
	bounds   *copyBounds
	longest  uint64 // file that may be made
	kept     bool   // the copies are made in a directory of the host
	looked   int
	stopped  bool
	all      []*copied
	byPath   map[string]*copied
	names    map[fileID]string // of files with several
	left     Uncopied
	closed   Uncopied
}

// findForeign decides what is put into the upper layers of the CopyOnWrite mounts.
// With kept they are in a directory of the host.
func (t *tree) findForeign(bounds *copyBounds, kept bool) {
	t.uncopied = nil
	mounts := t.copyOnWrite()
	if len(mounts) == 0 {
		return
	}
	longest := uint64(longestCopy)
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_FSIZE, &limit) == nil {
		longest = min(longest, limit.Cur)
	}
	asInside(func() {
		for _, n := range mounts {
			s := &foreignSearch{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid()), bounds: bounds, kept: kept, longest: longest,
				byPath: map[string]*copied{}, names: map[fileID]string{},
				left: Uncopied{Source: n.source}, closed: Uncopied{Source: n.source, Closed: true}}
			n.copies = s.run(n)
			for _, u := range []Uncopied{s.left, s.closed} {
				if u.Count > 0 || u.More {
					t.uncopied = append(t.uncopied, u)
				}
			}
		}
	})
}

// asInside does something with the privileges that the program will have: root has none
// inside.
func asInside(do func()) {
	if os.Geteuid() != 0 {
		do()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with its privileges
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if unix.Capset(&header, &none[0]) == nil {
			do()
		}
	}()
	<-done
}

// run looks through n's source, the upper directories first.
func (s *foreignSearch) run(n *node) []*copied {
	var err error
	s.root, err = unix.Open(n.source, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil // as the mount itself will say
	}
	defer unix.Close(s.root)
	var st unix.Stat_t
	if unix.Fstat(s.root, &st) != nil {
		return nil
	}

	top := s.copyOf(s.root, "", ".", &st)
	s.all, s.byPath["."] = []*copied{top}, top
	for dirs := []string{"."}; len(dirs) > 0 && !s.stopped; dirs = dirs[1:] {
		dirs = append(dirs, s.lookIn(dirs[0])...)
	}
	s.left.More, s.left.Looked = s.stopped, s.looked
	if s.kept && len(s.all) > 1 {
		// To a copy the caller's group may do what another group may do to the original,
		// or what an access control list says: let nobody else come to it.
		top.mode &^= 0o077
	}
	return s.all
}

// lookIn looks at the entries of a directory, and returns the directories among them.
func (s *foreignSearch) lookIn(path string) (dirs []string) {
	fd, err := openBelow(s.root, path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil // closed, or gone: what is in it can't be changed by its name
	}
	dir := os.NewFile(uintptr(fd), path)
	defer dir.Close()
	var own unix.Stat_t
	if unix.Fstat(fd, &own) != nil {
		return nil
	}

	mayMove := own.Uid == s.uid || s.may(fd, "", &own, unix.W_OK|unix.X_OK)
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			if s.bounds.looks == 0 || s.looked%256 == 255 && time.Now().After(s.bounds.until) {
				s.stopped = true
				return dirs
			}
			s.looked++
			s.bounds.looks--
			var st unix.Stat_t
			if unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT) != nil || st.Dev != own.Dev {
				continue
			}
			below := filepath.Join(path, name)
			if st.Uid != s.uid || st.Gid != s.gid {
				s.consider(fd, name, below, &st, mayMove)
			}
			if st.Mode&unix.S_IFMT == unix.S_IFDIR {
				dirs = append(dirs, below)
			}
		}
		if err != nil || len(names) == 0 {
			return dirs
		}
	}
}

// consider copies an entry of a directory if the program may change it outside: what it
// says, its mode, or its name, which needs a copy, too.
func (s *foreignSearch) consider(dir int, name, path string, st *unix.Stat_t, mayMove bool) {
	kind := st.Mode & unix.S_IFMT
	mayChange := st.Uid == s.uid || s.may(dir, name, st, unix.W_OK)
	switch {
	case kind == unix.S_IFDIR && !mayChange,
		kind == unix.S_IFREG && !mayChange && !mayMove,
		kind == unix.S_IFLNK && !mayMove,
		kind != unix.S_IFDIR && kind != unix.S_IFREG && kind != unix.S_IFLNK:
		return
	case kind == unix.S_IFREG && !s.mayRead(dir, name):
		if mayChange {
			s.closed.leave(path)
		}
		return
	}

	c := s.copyOf(dir, name, path, st)
	var size int64
	if c.same != "" {
		c.filled = s.byPath[c.same].filled
	} else if kind == unix.S_IFREG {
		c.filled = extents(dir, name, st)
		for _, e := range c.filled {
			size += (e.size + pageSize - 1) &^ (pageSize - 1)
		}
	}
	parents := s.parentsOf(path)
	for _, made := range append(parents, c) {
		for _, a := range made.attrs {
			size += int64(len(a.name) + len(a.value))
		}
	}
	if size > s.bounds.bytes || kind == unix.S_IFREG && uint64(st.Size) > s.longest || len(parents)+1 > s.bounds.files {
		s.left.leave(path)
		return
	}

	s.bounds.bytes -= size
	s.bounds.files -= len(parents) + 1
	for _, p := range append(parents, c) {
		s.all = append(s.all, p)
		s.byPath[p.path] = p
	}
	if kind == unix.S_IFREG && st.Nlink > 1 && c.same == "" {
		s.names[fileID{st.Dev, st.Ino}] = path
	}
}

func (u *Uncopied) leave(path string) {
	if u.Count++; u.Count == 1 {
		u.First = path
	}
}

// parentsOf returns the directories that lead to path and aren't copied yet.
func (s *foreignSearch) parentsOf(path string) (missing []*copied) {
	for dir := filepath.Dir(path); s.byPath[dir] == nil; dir = filepath.Dir(dir) {
		var st unix.Stat_t
		if fd, err := openBelow(s.root, dir, unix.O_PATH|unix.O_DIRECTORY); err == nil {
			if unix.Fstat(fd, &st) == nil {
				missing = append(missing, s.copyOf(fd, "", dir, &st))
			}
			unix.Close(fd)
		}
	}
	slices.Reverse(missing)
	return missing
}
