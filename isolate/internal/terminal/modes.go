package terminal

import "golang.org/x/sys/unix"

// takeOver makes the caller's terminal pass every byte on, Ctrl-C included,
// if it is ours at the moment.
func (t *Terminal) takeOver() {
	t.changing.Lock()
	defer t.changing.Unlock()
	if !t.foreground() {
		t.raw = false
		return
	}
	if modes, err := unix.IoctlGetTermios(t.in, unix.TCGETS); err == nil && !t.raw {
		t.modes = *modes
	}
	raw := t.modes
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	t.raw = unix.IoctlSetTermios(t.in, unix.TCSETS, &raw) == nil
}

// release gives the caller's terminal back as it was.
func (t *Terminal) release() {
	t.changing.Lock()
	defer t.changing.Unlock()
	if t.raw && t.foreground() {
		unix.IoctlSetTermios(t.in, unix.TCSETS, &t.modes)
	}
	t.raw = false
}

// foreground reports whether the shell has given us the terminal. One that is
// not our controlling terminal is ours alone.
func (t *Terminal) foreground() bool {
	group, err := unix.IoctlGetInt(t.in, unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}

// taken reports whether the terminal passes everything on to us.
func (t *Terminal) taken() bool {
	t.changing.Lock()
	defer t.changing.Unlock()
	return t.raw && t.foreground()
}
