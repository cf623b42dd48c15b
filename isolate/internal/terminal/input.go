package terminal

import (
	"unsafe"

	"isolate-namespace/isolate/internal/descriptor"

	"golang.org/x/sys/unix"
)

// copyInput passes on what is typed while we are in the foreground: in the
// background the same read would stop us.
func (t *Terminal) copyInput() {
	const look = 200 // milliseconds; the shell does not always tell when it gives the terminal back
	buf := make([]byte, 4096)
	wake := descriptor.Of(t.wake[0])
	for {
		fds := []unix.PollFd{{Fd: int32(wake), Events: unix.POLLIN}, {Fd: int32(t.in), Events: unix.POLLIN}}
		timeout := -1
		if !t.taken() {
			fds, timeout = fds[:1], look
		}
		_, err := unix.Poll(fds, timeout)
		if err != nil && err != unix.EINTR || fds[0].Revents != 0 {
			return
		}
		if len(fds) == 1 {
			t.takeOver()
			continue
		}
		if fds[1].Revents == 0 || !t.foreground() {
			continue
		}
		n, err := unix.Read(t.in, buf)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil || n == 0 {
			return // hung up: the signal for it comes too
		}
		t.signalJob(buf[:n])
		if _, err := t.master.Write(buf[:n]); err != nil {
			return
		}
	}
}

// signalJob sends the signals of Ctrl-C and Ctrl-\ to our own process group, in
// which there may be a script's shell or a loop that ends on them: plainly the
// terminal would. The program gets them from its own terminal. A program that
// takes the keys as they are, or has put another job of its own into the
// foreground, would keep them to itself. Only the caller's own keys count: what a
// program makes a key it can have the terminal type, by asking it something.
func (t *Terminal) signalJob(typed []byte) {
	fd := descriptor.Of(t.master)
	modes, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil || modes.Lflag&unix.ISIG == 0 {
		return
	}
	for i := 0; i < len(typed); i++ {
		switch typed[i] {
		case 0: // a key that is not set
		case modes.Cc[unix.VLNEXT]:
			if modes.Lflag&unix.IEXTEN != 0 {
				i++ // the next one is only a character
			}
		case modes.Cc[unix.VINTR]:
			if t.isKey(typed[i], unix.VINTR) {
				t.signalOthers(unix.SIGINT)
			}
		case modes.Cc[unix.VQUIT]:
			if t.isKey(typed[i], unix.VQUIT) {
				t.signalOthers(unix.SIGQUIT)
			}
		}
	}
}

// isKey reports whether what was typed is a key of the caller's terminal, by its
// place in termios(3).
func (t *Terminal) isKey(typed byte, key int) bool {
	t.changing.Lock()
	defer t.changing.Unlock()
	return t.modes.Lflag&unix.ISIG != 0 && t.modes.Cc[key] == typed
}

// signalOthers sends sig to our process group without ourselves, if that has the
// foreground of the caller's terminal and the program that of its own. A signal
// that is ignored at the moment is not kept for later.
func (t *Terminal) signalOthers(sig unix.Signal) {
	inner, err := unix.IoctlGetInt(descriptor.Of(t.master), unix.TIOCGPGRP)
	outer, err2 := unix.IoctlGetInt(t.in, unix.TIOCGPGRP) // an error: it is not our controlling terminal
	if err != nil || err2 != nil || inner != t.group || outer != unix.Getpgrp() {
		return
	}
	ignored, before := [4]uint64{1 /* SIG_IGN */}, [4]uint64{} // struct kernel_sigaction
	setAction := func(action, old *[4]uint64) {
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(action)), uintptr(unsafe.Pointer(old)), 8, 0, 0)
	}
	setAction(&ignored, &before)
	unix.Kill(0, sig)
	setAction(&before, nil)
}
