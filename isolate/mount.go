package isolate

import (
	"encoding/binary"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

// A builder turns a tree into system calls. Everything is assembled in a private mount
// namespace on two file systems in memory: a root, which is read-only at the end, and
// scratch, which holds every private directory.
type builder struct {
	*calls.List
	policy  *Policy
	limits  *limiter
	root    calls.Slot // the new root
	scratch calls.Slot // the private directories, each under a number
	proc    calls.Slot // the process file system, before and after it is in place
	made    map[string]bool
	pinned  map[string]bool // directories of the host that can't be renamed
	count   int             // of names in scratch
	premade []string        // directories in private ones, to be made with them
	void    string
	nothing string
	placed  map[string]node // what is in place already, as it was then, by target
	doors   calls.Arg       // the message with the doors, once they are made
}

const (
	scratchName = ".scratch"

	// The attributes of every mount: set-user-id programs gain nothing, and no device
	// node works except the few that are mounted one by one.
	plain = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
)

// newBuilder returns a builder that has begun.
func newBuilder(l *calls.List, policy *Policy, limits *limiter) *builder {
	b := &builder{List: l, policy: policy, limits: limits, made: map[string]bool{}, pinned: map[string]bool{}, placed: map[string]node{}}
	b.begin()
	return b
}

// build appends the calls that make the tree the root of the process.
func (b *builder) build(t *tree) {
	b.compare(t.mounts)
	b.premade = t.wall.premade
	for _, n := range t.nodes {
		if !b.hasPlaced(n) {
			b.place(n)
		}
	}
	b.finish()
}

func (b *builder) hasPlaced(n *node) bool {
	_, found := b.placed[n.target]
	return found
}

// compare fails if the caller's mounts have changed since the tree was decided, since
// then something unchecked might be shown.
func (b *builder) compare(mounts *hostMounts) {
	question := make([]byte, 8) // struct pollfd
	binary.NativeEndian.PutUint32(question, uint32(mounts.fd))
	what := calls.CompareMounts.Of("")
	b.Do(what, unix.SYS_PPOLL, b.Data(question), calls.Num(1), b.Words(0, 0), calls.Num(0), calls.Num(0)).Fine = calls.OnlyZero
	b.Do(what, unix.SYS_CLOSE, calls.Num(mounts.fd))
}

// begin makes a copy of the caller's mounts that doesn't follow their changes, then the
// two file systems, and before them the process file system.
func (b *builder) begin() {
	b.Do(calls.PrivateMounts.Of(""), unix.SYS_MOUNT, b.Str("none"), b.Str("/"), calls.Num(0), calls.Num(unix.MS_REC|unix.MS_PRIVATE), calls.Num(0))
	if b.policy.ShareProc {
		b.shareProc()
	} else {
		b.makeProc()
	}
	b.root = b.newFS("tmpfs", plain, "mode", "0755")
	base := b.policy.AssembleOn
	if base == "" {
		base = "/"
	}
	b.Do(calls.AssembleRoot.Of(base), unix.SYS_MOVE_MOUNT,
		b.root.Arg(), b.Str(""), calls.CWD(), b.Str(base), calls.Num(unix.MOVE_MOUNT_F_EMPTY_PATH))

	b.scratch = b.newFS("tmpfs", plain, append(b.limits.tmpfs(), "mode", "0700")...)
	b.mkdir(b.root, scratchName, 0o700)
	b.attach(b.scratch, scratchName)
	b.makeMasks()
	b.Do(calls.EnterScratch.Of(""), unix.SYS_FCHDIR, b.scratch.Arg()) // for what takes no descriptors
}

// makeProc makes the process file system: the kernel allows that only while an
// unmasked one is visible (mount_too_revealing in fs/namespace.c), as in the old
// root.
func (b *builder) makeProc() {
	// 4: a process doesn't see those that it can't trace, such as init (proc(5)).
	b.proc = b.newFS("proc", plain|unix.MOUNT_ATTR_NOEXEC, "hidepid", "4")
	if !b.policy.AllowUserNamespaces {
		b.forbidUserNamespaces()
	}
	b.limitNamespaces()
}

// shareProc takes the caller's process file system, with all that hides parts of it.
// The program could write to some files of the caller's other processes, and nothing
// in it is the sandbox's to change.
func (b *builder) shareProc() {
	what := calls.MountSource.Of("/proc")
	b.proc = b.clone(what, "/proc", unix.AT_RECURSIVE)
	b.setAttrs(what, b.proc, plain|unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_RDONLY, unix.AT_RECURSIVE)
}

// makeMasks makes what masks show, unchangeable.
func (b *builder) makeMasks() {
	dir := b.newName()
	b.void, b.nothing = filepath.Join(dir, "directory"), filepath.Join(dir, "file")
	b.mkdir(b.scratch, dir, 0o755)
	b.mkdir(b.scratch, b.void, 0o555)
	b.Do(calls.MakeFile.Of("an empty file"), unix.SYS_MKNODAT, b.scratch.Arg(), b.Str(b.nothing), calls.Num(unix.S_IFREG|0o444), calls.Num(0))
	masks := b.Get(calls.MountSource.Of("the masks"), unix.SYS_OPEN_TREE, b.scratch.Arg(), b.Str(dir), calls.Num(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC))
	b.setAttrs(calls.MountSource.Of("the masks"), masks, plain|unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_RDONLY, 0)
	b.attach(masks, filepath.Join(scratchName, dir))
	b.Close(masks)
}

// place puts one node where it belongs.
func (b *builder) place(n *node) {
	switch n.kind {
	case bindNode:
		attrs := uint64(plain)
		if n.access == AccessReadOnly {
			attrs |= unix.MOUNT_ATTR_RDONLY
		}
		b.bind(n, attrs)
	case deviceNode:
		// Read-only: a program that is root outside could change the mode of the
		// machine's device.
		b.bind(n, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_RDONLY)
	case cowNode:
		b.overlay(n)
	case privateNode:
		name := b.newName()
		b.mkdir(b.scratch, name, n.mode)
		for _, dir := range b.premade {
			if filepath.Dir(dir) == n.target {
				b.mkdir(b.scratch, filepath.Join(name, filepath.Base(dir)), 0o700)
			}
		}
		b.showOwn(n, b.scratch, name, plain)
	case maskNode:
		from := b.Len()
		b.mask(n)
		if n.is != "" {
			b.letPass(from)
		}
	case fileNode:
		b.file(n)
	case linkNode:
		at, name := b.makeParents(n)
		b.Do(calls.MakeLink.Of(n.target), unix.SYS_SYMLINKAT, b.Str(n.source), at.Arg(), b.Str(name))
	case procNode:
		b.prepare(n)
		b.attachNode(n, b.proc)
	case procSysNode:
		b.showOwn(n, b.proc, "sys", plain|unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_RDONLY)
	case ptsNode:
		pts := b.newFS("devpts", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, "ptmxmode", "0666", "mode", "0620")
		b.prepare(n)
		b.attachNode(n, pts)
		b.Close(pts)
	}
}

// letPass lets the calls from this one on fail if another user has closed a directory
// on the way. The program can't get there either, although the caller, as root, could.
func (b *builder) letPass(from int) {
	covering := b.From(from)
	for i := range covering {
		c := &covering[i]
		switch {
		case c.Number == unix.SYS_OPENAT2:
			c.Fine = unix.EACCES
		case c.Fine == 0:
			c.Fine = unix.EBADF
		}
	}
}

// finish makes the root unchangeable, enters it, and leaves everything outside.
func (b *builder) finish() {
	leave := calls.LeaveRoot.Of("")
	b.Do(leave, unix.SYS_FCHDIR, b.root.Arg())
	// Scratch goes with the old root: the kernel waits at the end of each umount until
	// all processors have let go of the mounts.
	b.Do(leave, unix.SYS_MOVE_MOUNT, b.scratch.Arg(), b.Str(""), calls.CWD(), b.Str("/proc"), calls.Num(unix.MOVE_MOUNT_F_EMPTY_PATH))
	b.Do(leave, unix.SYS_UNLINKAT, b.root.Arg(), b.Str(scratchName), calls.Num(unix.AT_REMOVEDIR))
	b.setAttrs(calls.FreezeRoot.Of(""), b.root, unix.MOUNT_ATTR_RDONLY, 0)
	// Both names of pivot_root(2) may be the same directory: the old root
	// then lies on top of the new one, where the next call takes it away.
	b.Do(leave, unix.SYS_PIVOT_ROOT, b.Str("."), b.Str("."))
	b.Do(leave, unix.SYS_UMOUNT2, b.Str("."), calls.Num(unix.MNT_DETACH))
	b.Do(leave, unix.SYS_CHDIR, b.Str("/"))
	b.Close(b.proc, b.scratch, b.root)
}

// bind shows a file or directory of the host, with everything mounted below it, and
// gives all of these mounts the same attributes.
func (b *builder) bind(n *node, attrs uint64) {
	what := calls.MountSource.Of(n.source)
	var mount calls.Slot
	if n.isRoots() {
		mount = b.cloneOfRoots(what, n.source, unix.AT_RECURSIVE)
	} else {
		mount = b.clone(what, n.source, unix.AT_RECURSIVE)
	}
	b.setAttrs(what, mount, attrs, unix.AT_RECURSIVE)
	b.prepare(n)
	b.attachNode(n, mount)
	b.Close(mount)
}

// isRoots reports whether nobody but root can put a link on the way to n's source: an
// entry of the default base at its own place, or a device right in /dev. What an entry
// is a link to can lie anywhere.
func (n *node) isRoots() bool {
	return n.base && n.source == n.target || n.kind == deviceNode && filepath.Dir(n.source) == "/dev"
}

// showOwn mounts a part of one of our own file systems at n's target.
func (b *builder) showOwn(n *node, fs calls.Slot, name string, attrs uint64) {
	what := calls.MountSource.Of(n.target)
	mount := b.Get(what, unix.SYS_OPEN_TREE, fs.Arg(), b.Str(name),
		calls.Num(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW))
	b.setAttrs(what, mount, attrs, 0)
	b.prepare(n)
	b.attachNode(n, mount)
	b.Close(mount)
	if n.kind == privateNode || n.kind == maskNode && n.inner {
		n.source = name
	}
}

// mask covers n's target. A mask with mounts inside gets its own directory, in which
// they are made.
func (b *builder) mask(n *node) {
	name := b.nothing
	if n.dir {
		name = b.void
	}
	if n.inner {
		name = b.newName()
		b.mkdir(b.scratch, name, 0o755)
	}
	if n.cover != nil && n.cover.kind == procNode && !n.inner {
		// There are dozens of these. One call is enough if nothing on the way
		// belongs to the host, and the mount stays unchangeable.
		b.Do(calls.Mask.Of(n.target), unix.SYS_MOUNT, b.Str(name), b.Str(".."+n.target),
			calls.Num(0), calls.Num(unix.MS_BIND), calls.Num(0))
		return
	}
	b.showOwn(n, b.scratch, name, plain|unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_RDONLY)
}

// file makes a file. In a directory of the host it covers the existing one.
func (b *builder) file(n *node) {
	at, name := b.scratch, ""
	covers := n.cover != nil && n.cover.hostBacked()
	if covers {
		name = b.newName()
	} else {
		at, name = b.makeParents(n)
	}
	what := calls.MakeFile.Of(n.target)
	f := b.Get(what, unix.SYS_OPENAT, at.Arg(), b.Str(name),
		calls.Num(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC), calls.Num(n.mode))
	b.Do(what, unix.SYS_WRITE, f.Arg(), b.Data(n.data), calls.Num(len(n.data)))
	b.Close(f)
	if covers {
		b.showOwn(n, b.scratch, name, plain)
	}
}

// prepare makes the directories above n's target, and an empty target to mount on. In a
// directory of the host they exist already.
func (b *builder) prepare(n *node) {
	if n.cover == nil || !n.cover.hostBacked() {
		at, name := b.makeParents(n)
		if n.dir {
			b.mkdir(at, name, 0o755)
		} else {
			b.Do(calls.MakeFile.Of(n.target), unix.SYS_MKNODAT, at.Arg(), b.Str(name), calls.Num(unix.S_IFREG|0o444), calls.Num(0)).Fine = unix.EEXIST
		}
	}
	b.pin(n)
}

// pin mounts the directories between n's target and the mount that it lies in on
// themselves, if the program could rename them: n would move with them, something else
// could be put in its place, and the next sandbox would even show what n covers on the
// host.
func (b *builder) pin(n *node) {
	cover := n.cover
	if cover == nil || !(cover.kind == cowNode || cover.kind == bindNode && cover.access == AccessWritable || cover.kind == privateNode && n.fixed) {
		return
	}
	for i, c := range n.target {
		dir := n.target[:i]
		if c != '/' || len(dir) <= len(cover.target) || b.pinned[dir] {
			continue
		}
		b.pinned[dir] = true
		what := calls.KeepInPlace.Of(dir)
		place := b.openInside(what, dir[1:])
		mount := b.copyOf(what, place, unix.AT_RECURSIVE)
		b.attachAt(what, mount, place)
		b.Close(place, mount)
	}
}

// makeParents makes the directories that lead to n's target, and returns where
// that is to be made: in the root or in the private directory that covers it.
func (b *builder) makeParents(n *node) (at calls.Slot, name string) {
	at, name = b.root, n.target[1:]
	prefix := ""
	if n.cover != nil {
		at = b.scratch
		name = strings.TrimPrefix(n.target, n.cover.target+"/")
		if n.cover.source != "" { // else it would be a path of the host
			prefix = n.cover.source + "/"
		}
	}
	for i := range name {
		if name[i] == '/' {
			b.mkdir(at, prefix+name[:i], 0o755)
		}
	}
	return at, prefix + name
}
