package isolate

import (
	"io"
	"os"
	"os/signal"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
	"isolate-namespace/isolate/internal/initproc"
)

// A terminal stands between the caller's terminal and the program. Whoever
// holds a terminal can read what is typed there next, change its settings and
// write what the emulator takes for commands; so the program gets a
// pseudo-terminal that is made inside, as it would from a terminal emulator,
// and what goes through is bytes.
//
// Init leads the session of the pseudo-terminal and the program a process
// group in it: a group whose parent is of the same session can be stopped
// (setpgid(2), orphaned process groups). When the program is stopped, by
// Ctrl-Z as a rule, the caller stops itself too, so that the shell that it
// was started from comes back; going on, it lets the program go on.
type terminal struct {
	in, out int // the caller's terminal
	files   [2]*os.File
	modes   unix.Termios // of the caller's terminal while we leave it alone
	raw     bool         // we don't
	master  *os.File     // our end of the pseudo-terminal
	group   int          // the program's process group, as it is called out here

	changing sync.Mutex // modes, raw
	signals  chan os.Signal
	wake     [2]*os.File // closing the second one ends the copying of the input
	input    sync.WaitGroup
	output   sync.WaitGroup
}

// newTerminal returns nil unless in and out are both a terminal.
func newTerminal(in io.Reader, out io.Writer) *terminal {
	i, ok := in.(*os.File)
	o, ok2 := out.(*os.File)
	if !ok || !ok2 || !isTerminal(i) || !isTerminal(o) {
		return nil
	}
	t := &terminal{in: descriptor(i), out: descriptor(o), files: [2]*os.File{i, o}}
	if modes, err := unix.IoctlGetTermios(t.in, unix.TCGETS); err == nil {
		t.modes = *modes
	}
	if !t.foreground() {
		// The modes are those that the shell edits its command line with.
		t.modes.Iflag |= unix.ICRNL | unix.IXON | unix.IUTF8
		t.modes.Oflag |= unix.OPOST | unix.ONLCR
		t.modes.Lflag |= unix.ISIG | unix.ICANON | unix.IEXTEN | unix.ECHO | unix.ECHOE | unix.ECHOK | unix.ECHOCTL | unix.ECHOKE
	}
	return t
}

// isTerminal says whether stream is a file that is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok || f == nil {
		return false
	}
	_, err := unix.IoctlGetTermios(descriptor(f), unix.TCGETS)
	return err == nil
}

// descriptor is f's number. File.Fd would make the file blocking for the
// caller too.
func descriptor(f *os.File) (fd int) {
	fd = -1
	if raw, err := f.SyscallConn(); err == nil {
		raw.Control(func(n uintptr) { fd = int(n) })
	}
	return fd
}

// makeTerminal appends the calls by which init makes the pseudo-terminal, and
// returns the slot of its outer end. Settings and size are the caller's.
func makeTerminal(l *calls.List, t *terminal) calls.Slot {
	what := calls.MakeTerminal.Of("")
	master := l.Get(what, unix.SYS_OPENAT, calls.CWD(), l.Str("/dev/ptmx"), calls.Num(unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK), calls.Num(0))
	l.Do(what, unix.SYS_IOCTL, master.Arg(), calls.Num(unix.TIOCSPTLCK), l.Data(make([]byte, 4)))
	// Of the outer end these are the settings of the inner one (tty_ioctl(4)).
	modes := unsafe.Slice((*byte)(unsafe.Pointer(&t.modes)), unsafe.Sizeof(t.modes))
	l.Do(what, unix.SYS_IOCTL, master.Arg(), calls.Num(unix.TCSETS), l.Data(modes))
	if size, err := unix.IoctlGetWinsize(t.out, unix.TIOCGWINSZ); err == nil {
		l.Do(what, unix.SYS_IOCTL, master.Arg(), calls.Num(unix.TIOCSWINSZ), l.Data(unsafe.Slice((*byte)(unsafe.Pointer(size)), unsafe.Sizeof(*size))))
	}
	inner := openTerminal(l, what)
	l.Do(what, unix.SYS_IOCTL, inner.Arg(), calls.Num(unix.TIOCSCTTY), calls.Num(0))
	l.Close(inner)
	return master
}

// openTerminal appends the opening of the inner end. It is the first one of
// the sandbox's own file system of pseudo-terminals.
func openTerminal(l *calls.List, what calls.Note) calls.Slot {
	return l.Get(what, unix.SYS_OPENAT, calls.CWD(), l.Str("/dev/pts/0"), calls.Num(unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC), calls.Num(0))
}

// lead appends the calls by which the program becomes a process group in the
// foreground of the terminal.
func lead(l *calls.List, inner calls.Slot) {
	what := calls.GiveTerminal.Of("")
	l.Do(what, unix.SYS_SETPGID, calls.Num(0), calls.Num(0))
	const self = 2 // the first process after init
	l.Do(what, unix.SYS_IOCTL, inner.Arg(), calls.Num(unix.TIOCSPGRP), l.Data([]byte{self, 0, 0, 0, 0, 0, 0, 0}[:4]))
}

// start begins the copying, once the program runs.
func (t *terminal) start(c *Cmd) error {
	var err error
	if t.wake[0], t.wake[1], err = os.Pipe(); err != nil {
		return err
	}
	t.signals = make(chan os.Signal, 8)
	// A job in the background may not set the terminal's modes, and is stopped
	// when it tries; that it is there is looked at beforehand, and may change.
	signal.Ignore(unix.SIGTTOU)
	// Not SIGTSTP: once it was asked for, Go lets it stop nothing any more.
	signal.Notify(t.signals, unix.SIGWINCH, unix.SIGCONT)
	t.group, _ = unix.IoctlGetInt(descriptor(t.master), unix.TIOCGPGRP)
	t.takeOver()
	t.output.Add(1)
	go func() {
		defer t.output.Done()
		io.Copy(t.files[1], t.master) // ends with EIO when nobody inside has the terminal any more
		t.master.Close()
	}()
	t.input.Add(1)
	go func() {
		defer t.input.Done()
		t.copyInput()
	}()
	go t.watch(c)
	return nil
}

// watch passes on what the caller's terminal and shell tell by signals.
func (t *terminal) watch(c *Cmd) {
	for s := range t.signals {
		switch s {
		case unix.SIGWINCH:
			t.resize()
		case unix.SIGCONT:
			t.resume(c)
		}
	}
}

// suspend is called when the program has stopped: the whole job stops, as it
// does on Ctrl-Z. Where no shell could continue it the kernel ignores that
// (setpgid(2), orphaned process groups), and the program goes on at once. What
// is in the background inside stops too: nobody counts its time meanwhile.
func (t *terminal) suspend(c *Cmd) {
	c.tell(initproc.SignalAll, unix.SIGSTOP)
	t.release()
	unix.Kill(0, unix.SIGTSTP)
	time.Sleep(50 * time.Millisecond) // long enough for the stop to reach this thread; over when we go on
	t.resume(c)
}

// resume goes on after a stop.
func (t *terminal) resume(c *Cmd) {
	t.takeOver()
	t.resize()
	c.tell(initproc.SignalAll, unix.SIGCONT)
}

func (t *terminal) resize() {
	if size, err := unix.IoctlGetWinsize(t.out, unix.TIOCGWINSZ); err == nil {
		unix.IoctlSetWinsize(descriptor(t.master), unix.TIOCSWINSZ, size)
	}
}

// takeOver makes the caller's terminal pass every byte on, Ctrl-C included,
// if it is ours at the moment.
func (t *terminal) takeOver() {
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
func (t *terminal) release() {
	t.changing.Lock()
	defer t.changing.Unlock()
	if t.raw && t.foreground() {
		unix.IoctlSetTermios(t.in, unix.TCSETS, &t.modes)
	}
	t.raw = false
}

// foreground says whether the shell has given us the terminal. One that is
// not our controlling terminal is ours alone.
func (t *terminal) foreground() bool {
	group, err := unix.IoctlGetInt(t.in, unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}

// copyInput passes on what is typed while we are in the foreground: in the
// background the same read would stop us.
func (t *terminal) copyInput() {
	const look = 200 // milliseconds; the shell does not always tell when it gives the terminal back
	buf := make([]byte, 4096)
	wake := descriptor(t.wake[0])
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
// foreground, would keep them to itself.
func (t *terminal) signalJob(typed []byte) {
	fd := descriptor(t.master)
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
			t.signalOthers(unix.SIGINT)
		case modes.Cc[unix.VQUIT]:
			t.signalOthers(unix.SIGQUIT)
		}
	}
}

// signalOthers sends sig to our process group without ourselves, if that has the
// foreground of the caller's terminal and the program that of its own. A signal
// that is ignored at the moment is not kept for later.
func (t *terminal) signalOthers(sig unix.Signal) {
	inner, err := unix.IoctlGetInt(descriptor(t.master), unix.TIOCGPGRP)
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

// taken says whether the terminal passes everything on to us.
func (t *terminal) taken() bool {
	t.changing.Lock()
	defer t.changing.Unlock()
	return t.raw && t.foreground()
}

// finish waits for the last output and gives the caller's terminal back.
func (t *terminal) finish() {
	if t.signals == nil {
		return
	}
	t.output.Wait()
	t.master.Close()
	t.wake[1].Close()
	t.input.Wait()
	t.wake[0].Close()
	signal.Stop(t.signals)
	signal.Reset(unix.SIGTTOU)
	close(t.signals)
	t.signals = nil
	t.release()
}
