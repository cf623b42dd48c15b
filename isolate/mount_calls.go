package isolate

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

// clone returns a detached mount of a file or directory of the host.
func (b *builder) clone(what calls.Note, source string, flags int) calls.Slot {
	place := b.open(what, calls.CWD(), source, unix.RESOLVE_NO_SYMLINKS|unix.RESOLVE_NO_MAGICLINKS)
	mount := b.copyOf(what, place, flags)
	b.Close(place)
	return mount
}

// cloneOfRoots is clone for a path that root alone can put a link on, with two calls
// less.
func (b *builder) cloneOfRoots(what calls.Note, source string, flags int) calls.Slot {
	return b.Get(what, unix.SYS_OPEN_TREE, calls.CWD(), b.Str(source),
		calls.Num(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT|flags))
}

// copyOf returns a detached mount of what is open.
func (b *builder) copyOf(what calls.Note, place calls.Slot, flags int) calls.Slot {
	return b.Get(what, unix.SYS_OPEN_TREE, place.Arg(), b.Str(""),
		calls.Num(unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|flags))
}

// mkdir makes a directory, once.
func (b *builder) mkdir(at calls.Slot, name string, mode uint32) {
	key := fmt.Sprint(at, ":", name)
	if b.made[key] {
		return
	}
	b.made[key] = true
	b.Do(calls.MakeDirectory.Of(filepath.Join("/", name)), unix.SYS_MKDIRAT, at.Arg(), b.Str(name), calls.Num(mode)).Fine = unix.EEXIST
}

// attach moves a mount to a path inside. It follows nothing on the way that the host
// could change at the same time.
func (b *builder) attach(mount calls.Slot, target string) {
	what := calls.MountAt.Of("/" + target)
	place := b.openInside(what, target)
	b.attachAt(what, mount, place)
	b.Close(place)
}

// attachNode is attach for a node. On the way to one that lies in no other there is
// nothing but what we have made ourselves, which takes two calls less.
func (b *builder) attachNode(n *node, mount calls.Slot) {
	if n.cover != nil {
		b.attach(mount, n.target[1:])
		return
	}
	b.Do(calls.MountAt.Of(n.target), unix.SYS_MOVE_MOUNT, mount.Arg(), b.Str(""), b.root.Arg(), b.Str(n.target[1:]),
		calls.Num(unix.MOVE_MOUNT_F_EMPTY_PATH))
}

// attachAt moves a mount onto an open file or directory.
func (b *builder) attachAt(what calls.Note, mount, place calls.Slot) {
	b.Do(what, unix.SYS_MOVE_MOUNT, mount.Arg(), b.Str(""), place.Arg(), b.Str(""),
		calls.Num(unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH))
}

// openInside opens a path of the new root without following any link.
func (b *builder) openInside(what calls.Note, path string) calls.Slot {
	return b.open(what, b.root.Arg(), path, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS|unix.RESOLVE_NO_MAGICLINKS)
}

// open opens a path for reference only (O_PATH, openat2(2)).
func (b *builder) open(what calls.Note, at calls.Arg, path string, resolve uint64) calls.Slot {
	how := b.Words(unix.O_PATH|unix.O_CLOEXEC, 0, resolve)
	return b.Get(what, unix.SYS_OPENAT2, at, b.Str(path), how, calls.Num(unix.SizeofOpenHow))
}

// setAttrs sets attributes of a mount, and with AT_RECURSIVE also of those below it
// (mount_setattr(2), Linux 5.12).
func (b *builder) setAttrs(what calls.Note, mount calls.Slot, attrs uint64, flags int) {
	b.Do(what, unix.SYS_MOUNT_SETATTR, mount.Arg(), b.Str(""), calls.Num(unix.AT_EMPTY_PATH|flags),
		b.Words(attrs, 0, 0, 0), calls.Num(32) /* MOUNT_ATTR_SIZE_VER0 */)
}

// newFS makes a file system from its name and pairs of settings, and returns a detached
// mount of it. A setting without a value is a flag.
func (b *builder) newFS(kind string, attrs uint64, settings ...string) calls.Slot {
	what := calls.MakeFileSystem.Of(kind)
	fs := b.Get(what, unix.SYS_FSOPEN, b.Str(kind), calls.Num(unix.FSOPEN_CLOEXEC))
	for i := 0; i < len(settings); i += 2 {
		if settings[i+1] == "" {
			b.Do(what, unix.SYS_FSCONFIG, fs.Arg(), calls.Num(unix.FSCONFIG_SET_FLAG), b.Str(settings[i]), calls.Num(0), calls.Num(0))
			continue
		}
		b.Do(what, unix.SYS_FSCONFIG, fs.Arg(), calls.Num(unix.FSCONFIG_SET_STRING), b.Str(settings[i]), b.Str(settings[i+1]), calls.Num(0))
	}
	b.Do(what, unix.SYS_FSCONFIG, fs.Arg(), calls.Num(unix.FSCONFIG_CMD_CREATE), calls.Num(0), calls.Num(0), calls.Num(0))
	mount := b.Get(what, unix.SYS_FSMOUNT, fs.Arg(), calls.Num(unix.FSMOUNT_CLOEXEC), calls.Num(attrs))
	b.Close(fs)
	return mount
}

// newName returns a new name in the scratch file system.
func (b *builder) newName() string {
	b.count++
	return fmt.Sprint(b.count)
}
