package isolate

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

// A landlock is the second wall (landlock(7)): mounts decide what is writable, and this
// decides what may be made where.
type landlock struct {
	abi     int      // the version in the running kernel, or 0
	makes   bool     // making links and the like is withheld
	freely  []string // the directories in which it is allowed, with everything below
	premade []string // the directories of freely that init makes
}

// withheld lists what could trap a program outside that expects plain files in a
// directory: links that lead elsewhere, and what blocks, answers or acts when it is
// opened.
const withheld = unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO |
	unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR

// Versions of Landlock's interface, and what each added.
const (
	landlockRefer  = 2 // moving between directories can be allowed
	landlockScopes = 6 // signals and abstract sockets
)

// privateHomes are the directories in the home directory in which programs keep their
// own files.
var privateHomes = []string{".cache", ".config", ".local"}

// temporaryDirs are where programs make temporary files, the one that TMPDIR names
// first.
var temporaryDirs = []string{"/tmp", "/var/tmp", "/dev/shm"}

// newLandlock decides what the wall lets through, on a kernel with this version
// of Landlock, or without it for a reason.
func (t *tree) newLandlock(p *Policy, abi int, reason unix.Errno) (landlock, error) {
	l := landlock{abi: abi}
	shared := t.sharedDirs(p)
	l.makes = len(shared) > 0 && !p.AllowSymlinks && !p.AllowUserNamespaces
	if !l.makes {
		return l, nil
	}
	if l.abi == 0 {
		return l, noLandlock(p, shared[0], reason)
	}

	// What is allowed in a directory is allowed in everything below it, including
	// other mounts. So a private directory with a shared one in it is treated as
	// shared.
	leads := func(dir string) bool {
		for _, s := range shared {
			if strings.HasPrefix(s, dir+"/") {
				return true
			}
		}
		return false
	}
	for _, n := range t.nodes {
		private := n.kind == privateNode || n.kind == cowNode && p.CowDir == "" || t.isScratch(n)
		if private && !leads(n.target) {
			l.freely = append(l.freely, n.target)
		}
	}

	homeDir := t.place(p.Home)
	if home := t.at[homeDir]; home == nil || home.kind != privateNode || !leads(homeDir) {
		return l, nil
	}
	for _, name := range privateHomes {
		if dir := filepath.Join(homeDir, name); t.at[dir] == nil && !leads(dir) {
			l.freely, l.premade = append(l.freely, dir), append(l.premade, dir)
		}
	}

	return l, nil
}

// noLandlock says why a directory can't be shared.
func noLandlock(p *Policy, dir string, reason unix.Errno) error {
	e := &SetupError{Doing: "share", Path: dir, Kind: KindNoLandlock}
	s := p.lookAround()
	switch {
	case s.GVisor:
		return onGVisor(e, s)
	case s.refuses(landlockCall):
		e.Err = errors.New("a filter of system calls forbids Landlock, which would keep links out of it")
		e.Kind, e.Where = KindFiltered, s
	case reason == unix.EOPNOTSUPP:
		e.Err = errors.New("Landlock, which would keep links out of it, is off in this kernel")
	default:
		e.Err = errors.New("this kernel has no Landlock to keep links out of it")
	}
	return e
}

// sharedDirs returns the directories in which what the program makes stays on the
// host.
func (t *tree) sharedDirs(p *Policy) []string {
	var dirs []string
	for _, n := range t.nodes {
		if (n.isWritableDir() || n.kind == cowNode && p.CowDir != "") && !t.isScratch(n) {
			dirs = append(dirs, n.target)
		}
	}
	return dirs
}

// isScratch reports whether n is a directory of the host that the policy gives the
// program for its temporary files, and for nothing else: what the program can change
// elsewhere doesn't lie in it, and it doesn't lie in that.
func (t *tree) isScratch(n *node) bool {
	if !n.isWritableDir() || !slices.Contains(temporaryDirs, n.target) {
		return false
	}
	shows := func(by, n *node) bool {
		return slices.ContainsFunc(t.shownAt(n.host), func(s shown) bool { return s.by == by })
	}
	return !slices.ContainsFunc(t.nodes, func(other *node) bool {
		return other != n && other.isWritableDir() && (shows(other, n) || shows(n, other))
	})
}

func (n *node) isWritableDir() bool {
	return n.kind == bindNode && n.access == AccessWritable && n.dir
}

// landlockABI returns the version of the running kernel's Landlock that can be used,
// or 0, and then why there is none.
func landlockABI() (abi int, reason unix.Errno) {
	if isFiltered() {
		// Some filters kill whoever asks.
		errno, err := attempt(0, func(l *calls.List) {
			l.Do(calls.MakeRuleset.Of(""), unix.SYS_LANDLOCK_CREATE_RULESET, calls.Num(0), calls.Num(0), calls.Num(unix.LANDLOCK_CREATE_RULESET_VERSION))
		})
		if err == errBadCall {
			return 0, unix.EPERM
		}
		if errno != 0 {
			return 0, errno
		}
	}
	reported, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, errno
	}
	return usableABI(int(reported))
}

// usableABI returns the version up to which the kernel does what version abi means:
// the kernel of RHEL 9.7 reports 6 and refuses the scopes. A ruleset that nobody
// enters does nothing.
func usableABI(abi int) (usable int, reason unix.Errno) {
	for _, next := range []int{landlockScopes - 1, landlockRefer - 1, 0} {
		if abi <= next {
			continue
		}
		attr := rulesetAttr(landlock{abi: abi, makes: true})
		fd, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(unsafe.SliceData(attr))), uintptr(8*len(attr)), 0)
		if errno == 0 {
			unix.Close(int(fd))
			return abi, 0
		}
		if errno != unix.EINVAL && errno != unix.E2BIG {
			return 0, errno
		}
		abi, reason = next, errno
	}
	return 0, reason
}

// rulesetAttr returns the words of a struct landlock_ruleset_attr for the wall: no
// more of them than it needs, since a kernel may refuse those that it doesn't know.
func rulesetAttr(wall landlock) []uint64 {
	var handled uint64
	if wall.makes {
		handled = withheld
		if wall.abi >= landlockRefer {
			handled |= unix.LANDLOCK_ACCESS_FS_REFER
		}
	}
	if wall.abi >= landlockScopes {
		const net, scoped = 0, unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
		return []uint64{handled, net, scoped}
	}
	return []uint64{handled}
}

// Landlock returns the version of Landlock that the running kernel reports, and the
// one up to which sandboxes can use it, 0 for none.
func Landlock() (reported, usable int) {
	usable, _ = landlockABI()
	if usable == 0 {
		return 0, 0
	}
	version, _, _ := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return int(version), usable
}

// tmpDir returns the directory for temporary files in which everything can
// be made, the sockets of Python's multiprocessing among it.
func (l *landlock) tmpDir() string {
	for _, dir := range temporaryDirs {
		if slices.Contains(l.freely, dir) {
			return dir
		}
	}
	return "/tmp"
}

// enterLandlock appends the calls that put the wall around the process, for
// good and for all that comes after it.
func enterLandlock(l *calls.List, wall landlock) {
	attr := rulesetAttr(wall)
	if slices.Max(attr) == 0 {
		return
	}

	ruleset := l.Get(calls.MakeRuleset.Of(""), unix.SYS_LANDLOCK_CREATE_RULESET, l.Words(attr...), calls.Num(8*len(attr)), calls.Num(0))
	if attr[0]&unix.LANDLOCK_ACCESS_FS_REFER != 0 {
		// Once anything is withheld, so is moving, unless it is allowed.
		allowBeneath(l, ruleset, "/", unix.LANDLOCK_ACCESS_FS_REFER)
	}
	for _, dir := range wall.freely {
		allowBeneath(l, ruleset, dir, withheld)
	}
	l.Do(calls.EnterRuleset.Of(""), unix.SYS_LANDLOCK_RESTRICT_SELF, ruleset.Arg(), calls.Num(0))
	l.Close(ruleset)
}

// allowBeneath appends the calls that allow rights in a directory and all
// below it.
func allowBeneath(l *calls.List, ruleset calls.Slot, dir string, rights uint64) {
	what := calls.AllowIn.Of(dir)
	const parent = 8 // offset of parent_fd in struct landlock_path_beneath_attr
	rule := l.Words(rights, 0)
	fd := l.GetInto(rule, parent, what, unix.SYS_OPENAT, calls.CWD(), l.Str(dir), calls.Num(unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC), calls.Num(0))
	l.Do(what, unix.SYS_LANDLOCK_ADD_RULE, ruleset.Arg(), calls.Num(unix.LANDLOCK_RULE_PATH_BENEATH), rule, calls.Num(0))
	l.Close(fd)
}
