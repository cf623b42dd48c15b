package terminal

import "golang.org/x/sys/unix"

// signalJob sends the signals of Ctrl-C and Ctrl-\ to our own process group, in
// which there may be a script's shell or a loop that ends on them: plainly the
// terminal would. The program gets them from its own terminal. A program that
// takes the keys as they are, or has put another job of its own into the
// foreground, would keep them to itself. Only the caller's own keys count: what a
// program makes a key it can have the terminal type, by asking it something.
func (t *Terminal) signalJob(typed []byte) {
	modes, err := t.innerModes()
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
// foreground of the caller's terminal and the program that of its own.
func (t *Terminal) signalOthers(sig unix.Signal) {
	outer, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP) // an error: it is not our controlling terminal
	if err == nil && outer == unix.Getpgrp() && t.isFront() {
		withAction(sig, ignored, func() { unix.Kill(0, sig) })
	}
}
