// Package terminal stands between the caller's terminal and the program's.
package terminal

import (
	"io"
	"os"
	"os/signal"
	"sync"
	"time"

	"isolate-namespace/isolate/internal/descriptor"

	"golang.org/x/sys/unix"
)

// A Terminal stands between the caller's terminal and the program. Whoever
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
type Terminal struct {
	in, out int // the caller's terminal
	files   [2]*os.File
	modes   unix.Termios // of the caller's terminal while we leave it alone
	raw     bool         // we don't
	master  *os.File     // our end of the pseudo-terminal
	group   int          // the program's process group, as it is called out here

	changing sync.Mutex // modes, raw
	signals  chan os.Signal
	wake     [2]*os.File       // closing the second one ends the copying of the input
	tell     func(unix.Signal) // sends a signal to every process inside
	input    sync.WaitGroup
	output   sync.WaitGroup
}

// New returns nil unless in and out are the same terminal. What it returns ends by
// Finish or, if the program never runs, by Abandon.
func New(in io.Reader, out io.Writer) (*Terminal, error) {
	i, ok := in.(*os.File)
	o, ok2 := out.(*os.File)
	if !ok || !ok2 || !Is(i) || !Is(o) || Device(i) != Device(o) {
		return nil, nil
	}

	t := &Terminal{in: descriptor.Of(i), out: descriptor.Of(o), files: [2]*os.File{i, o}}
	if modes, err := unix.IoctlGetTermios(t.in, unix.TCGETS); err == nil {
		t.modes = *modes
	}
	if !t.foreground() {
		// The modes are those that the shell edits its command line with.
		t.modes.Iflag |= unix.ICRNL | unix.IXON | unix.IUTF8
		t.modes.Oflag |= unix.OPOST | unix.ONLCR
		t.modes.Lflag |= unix.ISIG | unix.ICANON | unix.IEXTEN | unix.ECHO | unix.ECHOE | unix.ECHOK | unix.ECHOCTL | unix.ECHOKE
	}

	var err error
	if t.wake[0], t.wake[1], err = os.Pipe(); err != nil {
		return nil, err
	}
	return t, nil
}

// Is reports whether stream is a file that is a terminal.
func Is(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok || f == nil {
		return false
	}
	_, err := unix.IoctlGetTermios(descriptor.Of(f), unix.TCGETS)
	return err == nil
}

// Device returns the number of the terminal that f is, which /dev/tty shares with the
// file that it stands for (tty_ioctl(4), TIOCGDEV), or 0.
func Device(f *os.File) int {
	if !Is(f) {
		return 0
	}
	device, err := unix.IoctlGetUint32(descriptor.Of(f), unix.TIOCGDEV)
	if err != nil {
		return 0
	}
	return int(device)
}

// Open takes our end of the pseudo-terminal, which init hands out.
func (t *Terminal) Open(master *os.File) { t.master = master }

// Start begins the copying, once the program runs. Tell sends a signal to every
// process inside.
func (t *Terminal) Start(tell func(unix.Signal)) {
	t.tell = tell
	t.signals = make(chan os.Signal, 8)
	// A job in the background may not set the terminal's modes, and is stopped
	// when it tries; that it is there is looked at beforehand, and may change.
	signal.Ignore(unix.SIGTTOU)

	// Not SIGTSTP: once it was asked for, Go lets it stop nothing any more.
	signal.Notify(t.signals, unix.SIGWINCH, unix.SIGCONT)
	t.group, _ = unix.IoctlGetInt(descriptor.Of(t.master), unix.TIOCGPGRP)
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
	go t.watch()
}

// watch passes on what the caller's terminal and shell tell by signals.
func (t *Terminal) watch() {
	for s := range t.signals {
		switch s {
		case unix.SIGWINCH:
			t.resize()
		case unix.SIGCONT:
			t.resume()
		}
	}
}

// Suspend is called when the program has stopped: the whole job stops, as it
// does on Ctrl-Z. Where no shell could continue it the kernel ignores that
// (setpgid(2), orphaned process groups), and the program goes on at once. What
// is in the background inside stops too: nobody counts its time meanwhile.
func (t *Terminal) Suspend() {
	t.tell(unix.SIGSTOP)
	t.release()
	unix.Kill(0, unix.SIGTSTP)
	time.Sleep(50 * time.Millisecond) // long enough for the stop to reach this thread; over when we go on
	t.resume()
}

// resume goes on after a stop.
func (t *Terminal) resume() {
	t.takeOver()
	t.resize()
	t.tell(unix.SIGCONT)
}

func (t *Terminal) resize() {
	if size, err := unix.IoctlGetWinsize(t.out, unix.TIOCGWINSZ); err == nil {
		unix.IoctlSetWinsize(descriptor.Of(t.master), unix.TIOCSWINSZ, size)
	}
}

// Finish waits for the last output and gives the caller's terminal back.
func (t *Terminal) Finish() {
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

// Abandon lets go of everything if the program never ran. No terminal is fine.
func (t *Terminal) Abandon() {
	if t == nil {
		return
	}
	t.master.Close()
	t.wake[0].Close()
	t.wake[1].Close()
}
