package terminal

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

// Make appends the calls by which init makes the pseudo-terminal, and returns
// the slot of its outer end. Settings and size are the caller's.
func (t *Terminal) Make(l *calls.List) calls.Slot {
	what := calls.MakeTerminal.Of("")
	master := l.Get(what, unix.SYS_OPENAT, calls.CWD(), l.Str("/dev/ptmx"), calls.Num(unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK), calls.Num(0))
	l.Do(what, unix.SYS_IOCTL, master.Arg(), calls.Num(unix.TIOCSPTLCK), l.Data(make([]byte, 4)))
	// Of the outer end these are the settings of the inner one (tty_ioctl(4)).
	modes := unsafe.Slice((*byte)(unsafe.Pointer(&t.modes)), unsafe.Sizeof(t.modes))
	l.Do(what, unix.SYS_IOCTL, master.Arg(), calls.Num(unix.TCSETS), l.Data(modes))
	if size, err := unix.IoctlGetWinsize(t.out, unix.TIOCGWINSZ); err == nil {
		l.Do(what, unix.SYS_IOCTL, master.Arg(), calls.Num(unix.TIOCSWINSZ), l.Data(unsafe.Slice((*byte)(unsafe.Pointer(size)), unsafe.Sizeof(*size))))
	}
	inner := openInner(l, what)
	l.Do(what, unix.SYS_IOCTL, inner.Arg(), calls.Num(unix.TIOCSCTTY), calls.Num(0))
	l.Close(inner)
	return master
}

// openInner appends the opening of the inner end. It is the first one of the
// sandbox's own file system of pseudo-terminals.
func openInner(l *calls.List, what calls.Note) calls.Slot {
	return l.Get(what, unix.SYS_OPENAT, calls.CWD(), l.Str("/dev/pts/0"), calls.Num(unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC), calls.Num(0))
}

// Enter appends the calls by which the program becomes a process group in the
// foreground of the terminal, and returns the slot of its inner end.
func Enter(l *calls.List) calls.Slot {
	inner := openInner(l, calls.OpenTerminal.Of(""))
	what := calls.GiveTerminal.Of("")
	l.Do(what, unix.SYS_SETPGID, calls.Num(0), calls.Num(0))
	const self = 2 // the first process after init
	l.Do(what, unix.SYS_IOCTL, inner.Arg(), calls.Num(unix.TIOCSPGRP), l.Data([]byte{self, 0, 0, 0, 0, 0, 0, 0}[:4]))
	return inner
}
