package isolate

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A builder turns a tree into system calls: everything is put together in a
// private mount namespace on two memory file systems, a root that ends up
// read-only and a scratch one behind every private directory.
type builder struct {
	*program
	policy  *Policy
	limits  *limiter
	root    slot // the new root
	scratch slot // the private directories, each under a number
	proc    slot // the process file system, before and after it is in place
	made    map[string]bool
	pinned  map[string]bool // directories of the host's that can't be renamed
	count   int             // of names in scratch
	premade []string        // directories in private ones, to be made with them
	void    string
	nothing string
}

const (
	scratchName = ".scratch"

	// What every mount has: no set-user-id program gains anything, and no
	// device node works, but for the few that are mounted one by one.
	plain = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
)

// build appends the calls that make the tree the root of the process.
func (p *program) build(policy *Policy, limits *limiter, t *tree) {
	b := &builder{program: p, policy: policy, limits: limits, premade: t.wall.premade, made: map[string]bool{}, pinned: map[string]bool{}}
	b.seclude(t.mounts)
	b.begin()
	for _, n := range t.nodes {
		b.place(n)
	}
	b.finish()
}

// seclude makes a copy of the caller's mounts that follows no change of theirs,
// if they still are what they were when the tree was decided: else it might
// show what nobody has looked at.
func (b *builder) seclude(mounts *hostMounts) {
	what := note{stepPrivateMounts, ""}
	b.do(what, unix.SYS_MOUNT, b.str("none"), b.str("/"), num(0), num(unix.MS_REC|unix.MS_PRIVATE), num(0))
	question := b.words(0)
	binary.NativeEndian.PutUint32(b.mem[question.value:], uint32(mounts.fd)) // struct pollfd
	b.do(note{stepCompareMounts, ""}, unix.SYS_PPOLL, question, num(1), b.words(0, 0), num(0), num(0)).fine = onlyZero
	b.do(what, unix.SYS_CLOSE, num(mounts.fd))
}

// begin makes the two file systems. The process file system is made here too:
// the kernel allows it only where a whole one is in sight (mount_too_revealing
// in fs/namespace.c), which ends with the old root.
func (b *builder) begin() {
	// 4: whom a process can't trace it doesn't see, init above all (proc(5)).
	b.proc = b.newFS("proc", plain|unix.MOUNT_ATTR_NOEXEC, "hidepid", "4")
	if !b.policy.UserNamespaces {
		b.forbidUserNamespaces()
	}
	b.limitNamespaces()
	b.root = b.newFS("tmpfs", plain, "mode", "0755")
	base := b.policy.BaseDir
	if base == "" {
		base = "/"
	}
	b.do(note{stepAssembleRoot, base}, unix.SYS_MOVE_MOUNT,
		b.root.arg(), b.str(""), cwd(), b.str(base), num(unix.MOVE_MOUNT_F_EMPTY_PATH))

	b.scratch = b.newFS("tmpfs", plain, append(b.limits.tmpfs(), "mode", "0700")...)
	b.mkdir(b.root, scratchName, 0o700)
	b.attach(b.scratch, scratchName)
	b.makeMasks()
	b.do(note{stepEnterScratch, ""}, unix.SYS_FCHDIR, b.scratch.arg()) // for what takes no descriptors
}

// makeMasks makes what masks show, unchangeable.
func (b *builder) makeMasks() {
	dir := b.newName()
	b.void, b.nothing = filepath.Join(dir, "directory"), filepath.Join(dir, "file")
	b.mkdir(b.scratch, dir, 0o755)
	b.mkdir(b.scratch, b.void, 0o555)
	b.do(note{stepMakeFile, "an empty file"}, unix.SYS_MKNODAT, b.scratch.arg(), b.str(b.nothing), num(unix.S_IFREG|0o444), num(0))
	masks := b.get(note{stepMountSource, "the masks"}, unix.SYS_OPEN_TREE, b.scratch.arg(), b.str(dir), num(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC))
	b.setAttrs(note{stepMountSource, "the masks"}, masks, plain|unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_RDONLY, 0)
	b.attach(masks, filepath.Join(scratchName, dir))
	b.close(masks)
}

// place puts one node where it belongs.
func (b *builder) place(n *node) {
	switch n.kind {
	case bindNode:
		attrs := uint64(plain)
		if n.access == ReadOnly {
			attrs |= unix.MOUNT_ATTR_RDONLY
		}
		b.bind(n, attrs)
	case deviceNode:
		// Read-only: root, outside, could change the mode of the machine's own.
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
		b.show(n, b.scratch, name, plain)
	case maskNode:
		from := len(b.calls)
		b.mask(n)
		if n.is != "" {
			b.letPass(from)
		}
	case fileNode:
		b.file(n)
	case linkNode:
		at, name := b.inside(n)
		b.do(note{stepMakeLink, n.target}, unix.SYS_SYMLINKAT, b.str(n.source), at.arg(), b.str(name))
	case procNode:
		b.prepare(n)
		b.attach(b.proc, n.target[1:])
	case procSysNode:
		b.show(n, b.proc, "sys", plain|unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_RDONLY)
	case ptsNode:
		pts := b.newFS("devpts", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, "ptmxmode", "0666", "mode", "0620")
		b.prepare(n)
		b.attach(pts, n.target[1:])
		b.close(pts)
	}
}

// letPass lets the calls from this one on fail where a directory on the way is
// another user's who keeps it closed. The program can't get there either, while
// the caller, as root, could.
func (b *builder) letPass(from int) {
	for i := range b.calls[from:] {
		c := &b.calls[from+i]
		switch {
		case c.nr == unix.SYS_OPENAT2:
			c.fine = unix.EACCES
		case c.fine == 0:
			c.fine = unix.EBADF
		}
	}
}

// finish makes the root unchangeable, steps into it, and lets go of
// everything outside.
func (b *builder) finish() {
	leave := note{stepLeaveRoot, ""}
	b.do(leave, unix.SYS_FCHDIR, b.root.arg())
	b.do(leave, unix.SYS_UMOUNT2, b.str(scratchName), num(unix.MNT_DETACH))
	b.do(leave, unix.SYS_UNLINKAT, b.root.arg(), b.str(scratchName), num(unix.AT_REMOVEDIR))
	b.setAttrs(note{stepFreezeRoot, ""}, b.root, unix.MOUNT_ATTR_RDONLY, 0)
	// Both names of pivot_root(2) may be the same directory: the old root
	// then lies on top of the new one, where the next call takes it away.
	b.do(leave, unix.SYS_PIVOT_ROOT, b.str("."), b.str("."))
	b.do(leave, unix.SYS_UMOUNT2, b.str("."), num(unix.MNT_DETACH))
	b.do(leave, unix.SYS_CHDIR, b.str("/"))
	b.close(b.proc, b.scratch, b.root)
}

// bind shows a file or directory of the host's, with all that is mounted
// below it, and gives every one of those mounts the same attributes.
func (b *builder) bind(n *node, attrs uint64) {
	what := note{stepMountSource, n.source}
	mount := b.clone(what, n.source, unix.AT_RECURSIVE)
	b.setAttrs(what, mount, attrs, unix.AT_RECURSIVE)
	b.prepare(n)
	b.attach(mount, n.target[1:])
	b.close(mount)
}

// clone is a mount of a file or directory of the host's, not in place yet.
func (b *builder) clone(what note, source string, flags int) slot {
	place := b.open(what, cwd(), source, unix.RESOLVE_NO_SYMLINKS|unix.RESOLVE_NO_MAGICLINKS)
	mount := b.copyOf(what, place, flags)
	b.close(place)
	return mount
}

// copyOf is a mount of what is open, not in place yet.
func (b *builder) copyOf(what note, place slot, flags int) slot {
	return b.get(what, unix.SYS_OPEN_TREE, place.arg(), b.str(""),
		num(unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|flags))
}

// show mounts a part of one of our own file systems at n's target.
func (b *builder) show(n *node, fs slot, name string, attrs uint64) {
	what := note{stepMountSource, n.target}
	mount := b.get(what, unix.SYS_OPEN_TREE, fs.arg(), b.str(name),
		num(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW))
	b.setAttrs(what, mount, attrs, 0)
	b.prepare(n)
	b.attach(mount, n.target[1:])
	b.close(mount)
	if n.kind == privateNode || n.kind == maskNode && n.inner {
		n.source = name
	}
}

// mask covers n's target. What has mounts of its own inside gets a directory
// of its own to make them in.
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
		// There are dozens of these. One call each is enough where nothing on
		// the way is the host's, and the mount stays as unchangeable as it is.
		b.do(note{stepMask, n.target}, unix.SYS_MOUNT, b.str(name), b.str(".."+n.target),
			num(0), num(unix.MS_BIND), num(0))
		return
	}
	b.show(n, b.scratch, name, plain|unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_RDONLY)
}

// file makes a file. Where the place is the host's, the made file covers the
// one that is there.
func (b *builder) file(n *node) {
	at, name := b.scratch, ""
	covers := n.cover != nil && n.cover.hostBacked()
	if covers {
		name = b.newName()
	} else {
		at, name = b.inside(n)
	}
	what := note{stepMakeFile, n.target}
	f := b.get(what, unix.SYS_OPENAT, at.arg(), b.str(name),
		num(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC), num(n.mode))
	b.do(what, unix.SYS_WRITE, f.arg(), b.data(n.data), num(len(n.data)))
	b.close(f)
	if covers {
		b.show(n, b.scratch, name, plain)
	}
}

// prepare makes the directories that lead to n's target and an empty target
// to mount on, unless the place is the host's, where they exist.
func (b *builder) prepare(n *node) {
	if n.cover == nil || !n.cover.hostBacked() {
		at, name := b.inside(n)
		if n.dir {
			b.mkdir(at, name, 0o755)
		} else {
			b.do(note{stepMakeFile, n.target}, unix.SYS_MKNODAT, at.arg(), b.str(name), num(unix.S_IFREG|0o444), num(0)).fine = unix.EEXIST
		}
	}
	b.pin(n)
}

// pin makes the directories between n's target and the mount that it lies in
// mounts of themselves, where the program could rename them: n would go with
// them, and something else be put at its place. What n covers on the host would
// even be shown there the next time.
func (b *builder) pin(n *node) {
	cover := n.cover
	if cover == nil || !(cover.kind == cowNode || cover.kind == bindNode && cover.access == Writable || cover.kind == privateNode && n.fixed) {
		return
	}
	for i, c := range n.target {
		dir := n.target[:i]
		if c != '/' || len(dir) <= len(cover.target) || b.pinned[dir] {
			continue
		}
		b.pinned[dir] = true
		what := note{stepKeepInPlace, dir}
		place := b.openInside(what, dir[1:])
		mount := b.copyOf(what, place, unix.AT_RECURSIVE)
		b.put(what, mount, place)
		b.close(place, mount)
	}
}

// inside is where n's target is made: in the root or in the private directory
// that covers it. The directories that lead there are made first.
func (b *builder) inside(n *node) (at slot, name string) {
	at, name = b.root, n.target[1:]
	prefix := ""
	if n.cover != nil {
		at = b.scratch
		name = strings.TrimPrefix(n.target, n.cover.target+"/")
		prefix = n.cover.source + "/"
	}
	for i := range name {
		if name[i] == '/' {
			b.mkdir(at, prefix+name[:i], 0o755)
		}
	}
	return at, prefix + name
}

// mkdir makes a directory, once.
func (b *builder) mkdir(at slot, name string, mode uint32) {
	key := fmt.Sprint(at, ":", name)
	if b.made[key] {
		return
	}
	b.made[key] = true
	b.do(note{stepMakeDirectory, filepath.Join("/", name)}, unix.SYS_MKDIRAT, at.arg(), b.str(name), num(mode)).fine = unix.EEXIST
}

// attach moves a mount to a path inside. Nothing that the host could change
// meanwhile is followed on the way.
func (b *builder) attach(mount slot, target string) {
	what := note{stepMountAt, "/" + target}
	place := b.openInside(what, target)
	b.put(what, mount, place)
	b.close(place)
}

// put moves a mount to what is open.
func (b *builder) put(what note, mount, place slot) {
	b.do(what, unix.SYS_MOVE_MOUNT, mount.arg(), b.str(""), place.arg(), b.str(""),
		num(unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH))
}

// openInside opens a path of the new root without following any link.
func (b *builder) openInside(what note, path string) slot {
	return b.open(what, b.root.arg(), path, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS|unix.RESOLVE_NO_MAGICLINKS)
}

// open opens a path for reference only (O_PATH, openat2(2)).
func (b *builder) open(what note, at arg, path string, resolve uint64) slot {
	how := b.words(unix.O_PATH|unix.O_CLOEXEC, 0, resolve)
	return b.get(what, unix.SYS_OPENAT2, at, b.str(path), how, num(unix.SizeofOpenHow))
}

// setAttrs sets attributes of a mount, and of those below it with
// AT_RECURSIVE (mount_setattr(2), Linux 5.12).
func (b *builder) setAttrs(what note, mount slot, attrs uint64, flags int) {
	b.do(what, unix.SYS_MOUNT_SETATTR, mount.arg(), b.str(""), num(unix.AT_EMPTY_PATH|flags),
		b.words(attrs, 0, 0, 0), num(32) /* MOUNT_ATTR_SIZE_VER0 */)
}

// newFS makes a file system from its name and settings, in pairs, and returns
// a mount of it that is not in place yet. A setting without a value is a flag.
func (b *builder) newFS(kind string, attrs uint64, settings ...string) slot {
	what := note{stepMakeFileSystem, kind}
	fs := b.get(what, unix.SYS_FSOPEN, b.str(kind), num(unix.FSOPEN_CLOEXEC))
	for i := 0; i < len(settings); i += 2 {
		if settings[i+1] == "" {
			b.do(what, unix.SYS_FSCONFIG, fs.arg(), num(unix.FSCONFIG_SET_FLAG), b.str(settings[i]), num(0), num(0))
			continue
		}
		b.do(what, unix.SYS_FSCONFIG, fs.arg(), num(unix.FSCONFIG_SET_STRING), b.str(settings[i]), b.str(settings[i+1]), num(0))
	}
	b.do(what, unix.SYS_FSCONFIG, fs.arg(), num(unix.FSCONFIG_CMD_CREATE), num(0), num(0), num(0))
	mount := b.get(what, unix.SYS_FSMOUNT, fs.arg(), num(unix.FSMOUNT_CLOEXEC), num(attrs))
	b.close(fs)
	return mount
}

// newName is a name in the scratch file system.
func (b *builder) newName() string {
	b.count++
	return fmt.Sprint(b.count)
}
