package terminal

import (
	"time"

	"isolate-namespace/isolate/internal/descriptor"

	"golang.org/x/sys/unix"
)

// Milliseconds between two looks at what nobody tells us.
const (
	lookAtShell   = 200 // whether it has given the terminal back
	lookAtProgram = 100 // whether it has other modes
	othersFirst   = 30  // for others in the pipeline to read a line that was typed
)

// copyInput passes on what is typed while we are in the foreground and the program
// wants it: in the background the same read would stop us.
func (t *Terminal) copyInput() {
	buf := make([]byte, 4096)
	for {
		typed, ok := false, true
		switch {
		case t.taken():
			timeout := -1
			if !t.alone {
				timeout = lookAtProgram
			}
			typed, ok = t.await(timeout)
			if typed {
				ok = t.pass(buf)
			} else if !t.alone {
				t.leave()
			}
		case t.isWanted():
			ok = t.pause(lookAtShell)
			if t.foreground() && t.isFree() {
				t.takeOver()
				t.give(true)
			}
		case t.isFront() && t.hasChanged():
			t.take(false)
		default:
			ok = t.awaitOffer()
		}
		if !ok {
			return
		}
	}
}

// awaitOffer waits for a line that is typed while the program has not asked for any.
// If nobody else in the pipeline reads it, the program may wait for it all the same.
func (t *Terminal) awaitOffer() (ok bool) {
	timeout := -1
	if t.isFront() {
		timeout = lookAtProgram
	}
	typed, ok := t.await(timeout)
	if !typed || !ok {
		return ok
	}
	if !t.foreground() || !t.isFree() {
		return t.pause(lookAtShell)
	}
	if !t.pause(othersFirst) {
		return false
	}
	if typed, ok = t.await(0); !typed || !ok || t.isWanted() {
		return ok
	}

	if t.isFront() {
		t.take(true)
		return true
	}
	return t.probe()
}

// probe finds out whether the program waits for its terminal by poll(2), which stops
// nobody in the background: it sees a line there, and is stopped when it goes on to
// read it.
func (t *Terminal) probe() (ok bool) {
	const reaction = 50
	t.typing.Lock()
	t.enter([]byte{'\n'})
	t.probed = true
	t.typing.Unlock()
	if !t.pause(reaction) {
		return false
	}

	t.typing.Lock()
	read := false
	if t.probed {
		read = t.flush() == 0 // by a session of its own, which nobody stops
	}
	t.typing.Unlock()
	if read {
		t.take(true)
		return true
	}
	if t.isWanted() {
		return true
	}
	return t.pause(lookAtShell)
}

// flush removes what is to be read in the program's terminal, and returns how much
// it was.
func (t *Terminal) flush() (n int) {
	t.probed = false
	t.withPeer(func(fd int) {
		n, _ = unix.IoctlGetInt(fd, unix.TIOCINQ)
		unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH)
	})
	return n
}

// enter types into the program's terminal what was echoed already.
func (t *Terminal) enter(typed []byte) {
	master := descriptor.Of(t.master)
	modes, err := t.innerModes()
	if err != nil || len(typed) == 0 {
		return
	}
	quiet := *modes
	quiet.Lflag &^= unix.ECHO | unix.ECHONL
	unix.IoctlSetTermios(master, unix.TCSETS, &quiet)
	t.master.SetWriteDeadline(time.Now().Add(time.Second))
	t.master.Write(typed)
	t.master.SetWriteDeadline(time.Time{})

	// A poll waits until the terminal has taken everything in.
	t.withPeer(func(fd int) { unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0) })
	if now, err := t.innerModes(); err == nil && *now == quiet {
		unix.IoctlSetTermios(master, unix.TCSETS, modes)
	}
}

// withPeer calls do with the program's end of its terminal. We are not of its
// session, so that no job control holds for us.
func (t *Terminal) withPeer(do func(fd int)) {
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(descriptor.Of(t.master)), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno == 0 {
		do(int(fd))
		unix.Close(int(fd))
	}
}

// drain reads what was typed so far.
func (t *Terminal) drain() (typed []byte) {
	if !t.taken() {
		return nil
	}
	buf := make([]byte, 4096)
	for len(typed) < len(buf) {
		if more, _ := t.poll(false, 0); !more {
			break
		}
		n, err := unix.Read(t.fd, buf)
		if err != nil || n <= 0 {
			break
		}
		typed = append(typed, buf[:n]...)
	}
	return typed
}

// pass reads what was typed and passes it on. It returns false when the caller's
// terminal is hung up: the program's then is, too.
func (t *Terminal) pass(buf []byte) (ok bool) {
	t.typing.Lock()
	if more, _ := t.poll(false, 0); !more || !t.taken() {
		t.typing.Unlock()
		return true // take has read it, or it is for another in the pipeline
	}
	n, err := unix.Read(t.fd, buf)
	t.typing.Unlock()
	if err == unix.EINTR || err == unix.EAGAIN {
		return true
	}
	if err != nil || n == 0 {
		t.master.Close()
		return false
	}
	t.signalJob(buf[:n])
	_, err = t.master.Write(buf[:n])
	return err == nil
}

// await waits until something was typed, for a time in milliseconds, or for ever
// if that is negative. It returns ok false when the copying is to end.
func (t *Terminal) await(timeout int) (typed, ok bool) {
	typed, woken := t.poll(true, timeout)
	return typed && !woken, !woken || t.awake()
}

// pause waits for a time in milliseconds, or until it is woken. It returns false when
// the copying is to end.
func (t *Terminal) pause(timeout int) (ok bool) {
	fds := []unix.PollFd{{Fd: int32(descriptor.Of(t.wake[0])), Events: unix.POLLIN}}
	unix.Poll(fds, timeout)
	return fds[0].Revents == 0 || t.awake()
}

// awake takes the byte that has woken us, and returns false when there is none: the
// copying is to end.
func (t *Terminal) awake() bool {
	n, err := unix.Read(descriptor.Of(t.wake[0]), make([]byte, 64))
	return n > 0 || err == unix.EINTR || err == unix.EAGAIN
}

// poll reports whether something was typed, or the terminal is hung up, and whether
// something has woken us, which it looks for if it may.
func (t *Terminal) poll(wakes bool, timeout int) (typed, woken bool) {
	fds := []unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLIN}, {Fd: int32(descriptor.Of(t.wake[0])), Events: unix.POLLIN}}
	if !wakes {
		fds = fds[:1]
	}
	unix.Poll(fds, timeout)
	return fds[0].Revents != 0, wakes && fds[1].Revents != 0
}
