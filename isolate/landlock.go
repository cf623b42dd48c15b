package isolate

import (
	"errors"
	"path/filepath"
	"strings"

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

// newLandlock decides what the wall lets through, on a kernel with this version
// of Landlock.
func (t *tree) newLandlock(p *Policy, abi int) (landlock, error) {
	l := landlock{abi: abi}
	shared := t.sharedDirs(p)
	l.makes = len(shared) > 0 && !p.AllowSymlinks && !p.AllowUserNamespaces
	if !l.makes {
		return l, nil
	}
	if l.abi == 0 {
		return l, &SetupError{Doing: "share", Path: shared[0],
			Err: errors.New("this kernel has no Landlock to keep links out of it"), Kind: KindNoLandlock}
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
		private := n.kind == privateNode || n.kind == cowNode && p.CowDir == ""
		if private && !leads(n.target) {
			l.freely = append(l.freely, n.target)
		}
	}

	if home := t.at[p.Home]; home == nil || home.kind != privateNode || !leads(p.Home) {
		return l, nil
	}
	for _, name := range privateHomes {
		if dir := filepath.Join(p.Home, name); t.at[dir] == nil && !leads(dir) {
			l.freely, l.premade = append(l.freely, dir), append(l.premade, dir)
		}
	}

	return l, nil
}

// sharedDirs returns the directories in which what the program makes stays on the
// host.
func (t *tree) sharedDirs(p *Policy) []string {
	var dirs []string
	for _, n := range t.nodes {
		shared := n.kind == bindNode && n.access == AccessWritable && n.dir || n.kind == cowNode && p.CowDir != ""
		if shared {
			dirs = append(dirs, n.target)
		}
	}
	return dirs
}

// landlockABI returns the version of the running kernel's Landlock, or 0.
func landlockABI() int {
	abi, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(abi)
}

// tmpDir returns the private directory for temporary files in which everything can
// be made, the sockets of Python's multiprocessing among it.
func (l *landlock) tmpDir() string {
	for _, dir := range l.freely {
		if dir == "/tmp" || dir == "/var/tmp" || dir == "/dev/shm" {
			return dir
		}
	}
	return "/tmp"
}

// enterLandlock appends the calls that put the wall around the process, for
// good and for all that comes after it.
func enterLandlock(l *calls.List, wall landlock) {
	var handled, scoped uint64
	if wall.makes {
		handled = withheld
		if wall.abi >= landlockRefer {
			handled |= unix.LANDLOCK_ACCESS_FS_REFER
		}
	}

	if wall.abi >= landlockScopes {
		scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	if handled|scoped == 0 {
		return
	}

	const attrSize = 3 * 8 // struct landlock_ruleset_attr up to scoped; an older kernel takes zeros
	ruleset := l.Get(calls.MakeRuleset.Of(""), unix.SYS_LANDLOCK_CREATE_RULESET, l.Words(handled, 0, scoped), calls.Num(attrSize), calls.Num(0))
	if handled&unix.LANDLOCK_ACCESS_FS_REFER != 0 {
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
