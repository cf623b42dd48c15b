package listener

import (
	"encoding/binary"
	"path/filepath"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/process"
)

// Heard is told what calls are about. Nothing in it is to be believed: it comes from
// the program's memory.
type Heard struct {
	Use     func(Use)
	Connect func(Connection)
	Ask     func(name string) // a resolver, for the addresses of a name
}

// A Use is what a thread is about to do with one path.
type Use struct {
	Thread int
	Path   string // absolute, in the thread's own tree of files; it may hold links and ".."
	How    How
	IsLink bool // if the path leads to a link, it is about the link itself
	// Waits reports whether the thread still waits. If it doesn't, its number may already
	// be another's, and so may be what was found out by it.
	Waits func() bool
	// Lists says that Read lists a directory.
	Lists bool
	// Fresh says that Make takes nothing that is there already: it fails, or throws
	// the content away.
	Fresh bool
}

// How says what a file is used for.
type How uint8

// What a file is used for.
const (
	Read    How = iota
	Look        // to know that it is there, or of which kind it is
	Execute     // as a program
	Write       // to change it
	Make        // to make it, or to write to it if it is there
)

// look reads what the call is about, and says it if the call still waits.
func (l *server) look() {
	c, known := l.calls[uintptr(l.now.number)]
	if !known {
		return
	}
	if c.network != none {
		if tell := l.lookAtSocket(c.network); tell != nil && l.isValid() {
			tell()
		}
		return
	}

	var uses []Use
	for _, p := range c.paths {
		if u, ok := l.use(p); ok {
			uses = append(uses, u)
		}
	}
	if len(uses) == 0 || !l.isValid() {
		return
	}
	for _, u := range uses {
		l.heard.Use(u)
	}
}

// use reads one path of the call, which may have none there.
func (l *server) use(p path) (Use, bool) {
	u := Use{Thread: int(l.now.tid), How: p.how, IsLink: p.isLink, Waits: l.isValid}
	var err error
	u.Path, err = process.Path(u.Thread, l.now.args[p.at])
	// Before its exec, the program's memory is the caller's.
	if (err == unix.EPERM || err == unix.ENOSYS) && l.now.number != unix.SYS_EXECVE {
		l.unread = true
	}
	if err != nil || u.Path == "" {
		return u, false
	}

	switch {
	case p.isOpenat:
		how := process.Memory(u.Thread, l.now.args[p.at+1], 8) // struct open_how begins with the flags
		if len(how) < 8 {
			return u, false
		}
		u.open(binary.NativeEndian.Uint64(how))
	case p.opens:
		u.open(l.now.args[p.flags])
	case p.flags != noFlags:
		u.IsLink = l.now.args[p.flags]&unix.AT_SYMLINK_NOFOLLOW != 0
	}

	if filepath.IsAbs(u.Path) {
		return u, true
	}
	dir := int32(unix.AT_FDCWD)
	if p.dir != cwd {
		dir = int32(l.now.args[p.dir])
	}
	base, err := process.Dir(u.Thread, dir)
	u.Path = base + "/" + u.Path
	return u, err == nil && base != ""
}

// open says what flags of open(2) mean.
func (u *Use) open(flags uint64) {
	u.IsLink = flags&unix.O_NOFOLLOW != 0
	makes := flags&unix.O_CREAT != 0 || flags&unix.O_TMPFILE == unix.O_TMPFILE
	switch {
	case makes:
		u.How, u.Fresh = Make, flags&(unix.O_EXCL|unix.O_TRUNC) != 0
	case flags&unix.O_PATH == 0 && flags&unix.O_ACCMODE != unix.O_RDONLY:
		u.How = Write
	default:
		u.How, u.Lists = Read, flags&(unix.O_DIRECTORY|unix.O_PATH) == unix.O_DIRECTORY
	}
}
