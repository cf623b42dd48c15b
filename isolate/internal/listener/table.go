package listener

import "golang.org/x/sys/unix"

// A call is what the filter hands over, and where it has what it is about.
type call struct {
	paths []path
	// flagsOfDescriptor is the argument whose AT_EMPTY_PATH says that the call is
	// about a descriptor, or 0. The filter allows such a call.
	flagsOfDescriptor int
	network           network
}

// A path is one path of a call.
type path struct {
	dir, at  int // the arguments that hold its directory, or cwd, and itself
	flags    int // the argument that says whether a link is followed, or noFlags
	how      How
	isLink   bool // the last link is never followed
	opens    bool // flags are those of open(2)
	isOpenat bool // openat2(2): the argument after the path leads to the flags
}

const (
	cwd     = -1
	noFlags = -1
)

// A network is what a call does with a socket, the first argument of each.
type network uint8

const (
	none network = iota
	connects
	sendsTo
	sendsMany
)

// table returns the calls that look for something by its path, or that connect or
// ask for a name, by their numbers.
func table() map[uintptr]call {
	one := func(paths ...path) call { return call{paths: paths} }
	all := map[uintptr]call{
		unix.SYS_OPENAT:     one(path{dir: 0, at: 1, flags: 2, opens: true}),
		unix.SYS_OPENAT2:    one(path{dir: 0, at: 1, flags: noFlags, isOpenat: true}),
		unix.SYS_NEWFSTATAT: {paths: []path{{dir: 0, at: 1, flags: 3, how: Look}}, flagsOfDescriptor: 3},
		unix.SYS_STATX:      {paths: []path{{dir: 0, at: 1, flags: 2, how: Look}}, flagsOfDescriptor: 2},
		unix.SYS_FACCESSAT:  one(path{dir: 0, at: 1, flags: noFlags, how: Look}),
		unix.SYS_FACCESSAT2: one(path{dir: 0, at: 1, flags: 3, how: Look}),
		unix.SYS_READLINKAT: one(path{dir: 0, at: 1, flags: noFlags, how: Look, isLink: true}),
		unix.SYS_STATFS:     one(path{dir: cwd, at: 0, flags: noFlags, how: Look}),
		unix.SYS_CHDIR:      one(path{dir: cwd, at: 0, flags: noFlags, how: Read}),
		unix.SYS_EXECVE:     one(path{dir: cwd, at: 0, flags: noFlags, how: Execute}),
		unix.SYS_EXECVEAT:   one(path{dir: 0, at: 1, flags: 4, how: Execute}),

		unix.SYS_TRUNCATE:  one(path{dir: cwd, at: 0, flags: noFlags, how: Write}),
		unix.SYS_UNLINKAT:  one(path{dir: 0, at: 1, flags: noFlags, how: Write, isLink: true}),
		unix.SYS_FCHMODAT:  one(path{dir: 0, at: 1, flags: noFlags, how: Write}),
		unix.SYS_UTIMENSAT: one(path{dir: 0, at: 1, flags: 3, how: Write}),
		unix.SYS_RENAMEAT2: one(path{dir: 0, at: 1, flags: noFlags, how: Write, isLink: true}, path{dir: 2, at: 3, flags: noFlags, how: Make, isLink: true}),
		unix.SYS_RENAMEAT:  one(path{dir: 0, at: 1, flags: noFlags, how: Write, isLink: true}, path{dir: 2, at: 3, flags: noFlags, how: Make, isLink: true}),
		unix.SYS_LINKAT:    one(path{dir: 0, at: 1, flags: noFlags, how: Read, isLink: true}, path{dir: 2, at: 3, flags: noFlags, how: Make, isLink: true}),
		unix.SYS_SYMLINKAT: one(path{dir: 1, at: 2, flags: noFlags, how: Make, isLink: true}),
		unix.SYS_MKDIRAT:   one(path{dir: 0, at: 1, flags: noFlags, how: Make, isLink: true}),
		unix.SYS_MKNODAT:   one(path{dir: 0, at: 1, flags: noFlags, how: Make, isLink: true}),
		unix.SYS_CONNECT:   {network: connects},
		unix.SYS_SENDTO:    {network: sendsTo},
		unix.SYS_SENDMMSG:  {network: sendsMany},
	}
	addOld(all)
	return all
}
