package isolate

import (
	"encoding/binary"
	"path/filepath"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

// copyForeign puts n's copies from one layer of an overlay into the other one. What has
// vanished since it was found is left out.
func (b *builder) copyForeign(n *node, lower, upper string) {
	if len(n.copies) == 0 {
		return
	}
	what := calls.CopyFile.Of(n.source)
	const straight = unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS
	from := b.open(what, calls.CWD(), lower, straight)
	to := b.open(what, calls.CWD(), upper, straight)
	for _, c := range n.copies[1:] {
		what := calls.CopyFile.Of(filepath.Join(n.source, c.path))
		begin := b.Len()
		b.copyOne(what, c, from, to)
		if first := &b.From(begin)[0]; first.Number == unix.SYS_OPENAT2 {
			first.Fine, first.Skip = calls.Changed, b.Len()-begin-1
		}
	}

	// What is made in a directory changes its time stamps.
	for i := len(n.copies) - 1; i >= 0; i-- {
		c := n.copies[i]
		if c.kind != unix.S_IFDIR {
			continue
		}
		what := calls.CopyFile.Of(filepath.Join(n.source, c.path))
		dir := b.openBelow(what, to, c.path, unix.O_RDONLY|unix.O_DIRECTORY, straight)
		begin := b.Len()
		b.finishCopy(what, c, dir)
		b.Close(dir)
		opened := &b.From(begin - 1)[0]
		opened.Fine, opened.Skip = unix.ENOENT, b.Len()-begin
	}
	b.Close(from, to)
}

// copyOne makes one copy, but for what is said about a directory. If its first call
// opens the original, an error of that one says that this has changed.
func (b *builder) copyOne(what calls.Note, c *copied, from, to calls.Slot) {
	const straight = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV
	name := b.Str(c.path)
	switch {
	case c.kind == unix.S_IFLNK:
		b.Do(what, unix.SYS_SYMLINKAT, b.Str(c.to), to.Arg(), name)
		b.Do(what, unix.SYS_UTIMENSAT, to.Arg(), name, b.times(c), calls.Num(unix.AT_SYMLINK_NOFOLLOW))
	case c.kind == unix.S_IFDIR:
		original := b.openBelow(what, from, c.path, unix.O_PATH|unix.O_DIRECTORY, straight)
		b.Do(what, unix.SYS_MKDIRAT, to.Arg(), name, calls.Num(0o700))
		b.Close(original)
	case c.same != "":
		b.Do(what, unix.SYS_LINKAT, to.Arg(), b.Str(c.same), to.Arg(), name, calls.Num(0)).Fine = unix.ENOENT
	default:
		original := b.openBelow(what, from, c.path, unix.O_RDONLY|unix.O_NONBLOCK, straight)
		// It may have become a pipe or a directory, and then is left out.
		begin := b.Len()
		b.Do(what, unix.SYS_LSEEK, original.Arg(), calls.Num(0), calls.Num(unix.SEEK_SET)).Fine = unix.ESPIPE
		b.Do(what, unix.SYS_READ, original.Arg(), b.Data([]byte{0}), calls.Num(0)).Fine = unix.EISDIR
		f := b.Get(what, unix.SYS_OPENAT, to.Arg(), name,
			calls.Num(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC), calls.Num(0o600))
		for _, e := range c.filled {
			if e.at > 0 {
				b.Do(what, unix.SYS_LSEEK, f.Arg(), calls.Num(e.at), calls.Num(unix.SEEK_SET))
			}
			if e.size > 0 {
				b.Do(what, unix.SYS_SENDFILE, f.Arg(), original.Arg(), b.Words(uint64(e.at)), calls.Num(e.size))
			}
		}
		if len(c.filled) != 1 || c.filled[0].size != c.size {
			b.Do(what, unix.SYS_FTRUNCATE, f.Arg(), calls.Num(c.size))
		}
		b.finishCopy(what, c, f)
		b.Close(f)
		for i := range 2 {
			b.From(begin)[i].Skip = b.Len() - begin - i - 1
		}
		b.Close(original)
	}
}

// finishCopy gives an open copy what its original has, but for the owner and group.
func (b *builder) finishCopy(what calls.Note, c *copied, f calls.Slot) {
	for _, a := range c.attrs {
		// A tmpfs has taken them since Linux 6.6.
		b.Do(what, unix.SYS_FSETXATTR, f.Arg(), b.Str(a.name), b.Data([]byte(a.value)), calls.Num(len(a.value)), calls.Num(0)).Fine = calls.AnyError
	}
	b.Do(what, unix.SYS_FCHMOD, f.Arg(), calls.Num(c.mode))
	b.Do(what, unix.SYS_UTIMENSAT, f.Arg(), calls.Num(0), b.times(c), calls.Num(0))
}

// times puts a copy's time stamps into memory.
func (b *builder) times(c *copied) calls.Arg {
	var data []byte
	for _, t := range []unix.Timespec{c.atime, c.mtime} {
		data = binary.NativeEndian.AppendUint64(data, uint64(t.Sec))
		data = binary.NativeEndian.AppendUint64(data, uint64(t.Nsec))
	}
	return b.Data(data)
}

// openBelow opens a path below an open directory.
func (b *builder) openBelow(what calls.Note, dir calls.Slot, path string, flags, resolve uint64) calls.Slot {
	how := b.Words(flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0, resolve)
	return b.Get(what, unix.SYS_OPENAT2, dir.Arg(), b.Str(path), how, calls.Num(unix.SizeofOpenHow))
}
