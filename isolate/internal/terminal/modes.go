package terminal

import (
	"runtime"
	"unsafe"

	"isolate-namespace/isolate/internal/descriptor"

	"golang.org/x/sys/unix"
)

// takeOver makes the caller's terminal pass every byte on, Ctrl-C included, if
// it is ours at the moment.
func (t *Terminal) takeOver() {
	t.changing.Lock()
	defer t.changing.Unlock()
	if !t.foreground() {
		t.raw = false
		return
	}
	if modes, err := unix.IoctlGetTermios(t.fd, unix.TCGETS); err == nil && !t.raw {
		t.modes = *modes
	}

	raw := t.modes
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	if !t.alone {
		// With EXTPROC nothing is echoed. ECHO stays so that one can see whether another
		// in the pipeline has cleared it, to ask for a password.
		raw.Lflag |= unix.ECHO | unix.EXTPROC
	}
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if inner, err := t.innerModes(); err == nil {
		raw.Oflag = inner.Oflag // others may write there as well
	}
	t.setRaw(&raw)
}

// setRaw sets modes that pass every byte on, and takes them down as the terminal
// then has them.
func (t *Terminal) setRaw(raw *unix.Termios) {
	t.raw = t.setModes(raw) == nil
	if now, err := unix.IoctlGetTermios(t.fd, unix.TCGETS); err == nil {
		t.ours = *now
	}
}

// release gives the caller's terminal back as it was, unless somebody else in the
// pipeline has changed it since.
func (t *Terminal) release() {
	t.changing.Lock()
	defer t.changing.Unlock()
	if t.raw && t.foreground() && (t.alone || t.isOurs()) {
		t.setModes(&t.modes)
	}
	t.raw = false
}

// follow gives the caller's terminal the program's modes of output while the program
// uses it: plainly they would be one.
func (t *Terminal) follow(inner *unix.Termios) {
	t.changing.Lock()
	defer t.changing.Unlock()
	if inner != nil && t.raw && t.ours.Oflag != inner.Oflag && t.foreground() && t.isOurs() {
		raw := t.ours
		raw.Oflag = inner.Oflag
		t.setRaw(&raw)
	}
}

// innerModes returns the modes of the program's terminal.
func (t *Terminal) innerModes() (*unix.Termios, error) {
	return unix.IoctlGetTermios(descriptor.Of(t.master), unix.TCGETS)
}

// isOurs reports whether the caller's terminal has the modes that we have set.
func (t *Terminal) isOurs() bool {
	now, err := unix.IoctlGetTermios(t.fd, unix.TCGETS)
	return err != nil || *now == t.ours
}

// isFree reports whether nobody else in the pipeline reads keys or a password from the
// caller's terminal, as a pager or ssh does, which changes its modes.
func (t *Terminal) isFree() bool {
	now, err := unix.IoctlGetTermios(t.fd, unix.TCGETS)
	const line = unix.ICANON | unix.ECHO
	return err != nil || t.alone || now.Lflag&line == line || *now == t.found
}

// setModes sets the modes of the caller's terminal. A job in the background may not,
// and is stopped when it tries; that it is there is looked at beforehand, and may
// change.
func (t *Terminal) setModes(modes *unix.Termios) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	block, before := uint64(1)<<(unix.SIGTTOU-1), uint64(0)
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, uintptr(unsafe.Pointer(&block)), uintptr(unsafe.Pointer(&before)), 8, 0, 0)
	err := unix.IoctlSetTermios(t.fd, unix.TCSETS, modes)
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&before)), 0, 8, 0, 0)
	return err
}

// controlsUs reports whether it is our controlling terminal.
func (t *Terminal) controlsUs() bool {
	_, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	return err == nil
}

// foreground reports whether the shell has given us the terminal. One that is
// not our controlling terminal is ours alone.
func (t *Terminal) foreground() bool {
	group, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}

// taken reports whether the terminal passes everything on to us.
func (t *Terminal) taken() bool {
	t.changing.Lock()
	defer t.changing.Unlock()
	return t.raw && t.foreground() && (t.alone || t.isOurs())
}
