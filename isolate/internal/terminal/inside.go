package terminal

import (
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
	"isolate-namespace/isolate/internal/initproc"
)

// Make appends the calls by which init makes the pseudo-terminals, and returns the
// slots of their outer ends, and of the inner one that controls the session, or
// NoSlot. Settings and sizes are the caller's.
func (s Set) Make(l *calls.List) (outer [3]calls.Slot, inner calls.Slot) {
	outer, inner = [3]calls.Slot{calls.NoSlot, calls.NoSlot, calls.NoSlot}, calls.NoSlot
	what := calls.MakeTerminal.Of("")
	for i, t := range s {
		outer[i] = l.Get(what, unix.SYS_OPENAT, calls.CWD(), l.Str("/dev/ptmx"), calls.Num(unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK), calls.Num(0))
		master := outer[i].Arg()
		l.Do(what, unix.SYS_IOCTL, master, calls.Num(unix.TIOCSPTLCK), l.Data(make([]byte, 4)))
		// Of the outer end these are the settings of the inner one (tty_ioctl(4)).
		modes := unsafe.Slice((*byte)(unsafe.Pointer(&t.begins)), unsafe.Sizeof(t.begins))
		l.Do(what, unix.SYS_IOCTL, master, calls.Num(unix.TCSETS), l.Data(modes))
		if size, err := unix.IoctlGetWinsize(t.fd, unix.TIOCGWINSZ); err == nil {
			l.Do(what, unix.SYS_IOCTL, master, calls.Num(unix.TIOCSWINSZ), l.Data(unsafe.Slice((*byte)(unsafe.Pointer(size)), unsafe.Sizeof(*size))))
		}
		if t.control {
			inner = openInner(l, what, i)
			l.Do(what, unix.SYS_IOCTL, inner.Arg(), calls.Num(unix.TIOCSCTTY), calls.Num(0))
		}
	}
	return outer, inner
}

// openInner appends the opening of the inner end of terminal i. The sandbox's own
// file system of pseudo-terminals numbers them.
func openInner(l *calls.List, what calls.Note, i int) calls.Slot {
	return l.Get(what, unix.SYS_OPENAT, calls.CWD(), l.Str("/dev/pts/"+strconv.Itoa(i)), calls.Num(unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC), calls.Num(0))
}

// Enter appends the calls by which the program becomes a process group, in the
// foreground of its terminal if that is the program's alone, and returns the slots of
// the terminals' inner ends.
func (s Set) Enter(l *calls.List) (inner [3]calls.Slot) {
	for i := range s {
		inner[i] = openInner(l, calls.OpenTerminal.Of(""), i)
	}
	what := calls.GiveTerminal.Of("")
	l.Do(what, unix.SYS_SETPGID, calls.Num(0), calls.Num(0))
	if s[0].front {
		l.Do(what, unix.SYS_IOCTL, inner[0].Arg(), calls.Num(unix.TIOCSPGRP), l.Data([]byte{initproc.Program, 0, 0, 0, 0, 0, 0, 0}[:4]))
	}
	return inner
}
