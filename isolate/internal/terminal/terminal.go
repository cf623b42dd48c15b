// Package terminal stands between the caller's terminals and the program's.
package terminal

import (
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"

	"isolate-namespace/internal/inherited"
	"isolate-namespace/isolate/internal/descriptor"
	"isolate-namespace/isolate/internal/initproc"

	"golang.org/x/sys/unix"
)

// A Terminal stands between a terminal of the caller and the program. Whoever
// holds a terminal can read what is typed there next, change its settings and
// write what the emulator takes for commands; so the program gets a
// pseudo-terminal that is made inside, as it would from a terminal emulator,
// and what goes through is bytes.
//
// One of them controls the program's session: init leads it, and the program is
// a process group in it. A group whose parent is of the same session can be
// stopped (setpgid(2), orphaned process groups). When the program is stopped, by
// Ctrl-Z as a rule, the caller stops itself too, so that the shell that it was
// started from comes back; going on, it lets the program go on.
//
// A terminal that is all of the program's streams is the program's alone: the
// program is in its foreground, and the caller's is raw from the start. Else
// others in the same pipeline may use the caller's, as a pager does. The program
// then starts in the background, and the kernel stops it when it reads or
// changes its terminal (tty_ioctl(4), job control): only then does the caller
// begin to read its own, and the program comes to the foreground.
type Terminal struct {
	file    *os.File // the caller's terminal
	own     bool     // we have opened file
	fd      int      // of file
	stream  [3]bool  // which of the program's streams it is
	control bool     // it controls the program's session
	alone   bool     // it is the program's alone

	found  unix.Termios // the modes of the caller's at the start
	begins unix.Termios // and those of the program's
	front  bool         // the program starts in the foreground
	master *os.File     // our end of the pseudo-terminal

	changing sync.Mutex   // what follows
	modes    unix.Termios // of the caller's terminal while we leave it alone
	raw      bool         // we don't
	ours     unix.Termios // its modes while raw
	wants    bool         // the program reads its terminal, or has changed its modes
	reads    bool         // it has read, and may again

	giving sync.Mutex // what follows
	idle   int        // the process group of init, as it is called out here, when it was in the foreground
	group  int        // that of the program

	typing  sync.Mutex // one at a time reads what was typed, and what follows
	probed  bool       // there is a line in the program's terminal that nobody has typed
	signals chan os.Signal
	wake    [2]*os.File             // a byte: look again; closing the second one ends the copying of the input
	say     func(*initproc.Message) // to init
	round   atomic.Uint32           // how often everything inside was continued
	writing atomic.Bool             // there is output that was read and not written yet
	input   sync.WaitGroup
	output  sync.WaitGroup
}

// A Set is the terminals that the caller's streams are. The first one controls the
// program's session.
type Set []*Terminal

// New returns the terminals among a program's streams, and controlling, which may be
// nil. It ends by Finish or, if the program never runs, by Abandon.
func New(controlling *os.File, in io.Reader, out, errs io.Writer) (Set, error) {
	var s Set
	for i, stream := range [3]any{in, out, errs} {
		f, ok := stream.(*os.File)
		if !ok || Device(f) == 0 {
			continue
		}
		t := s.find(f)
		if t == nil {
			if t = adopt(f); t == nil {
				continue // it can't be read and written: the program gets a pipe
			}
			s = append(s, t)
		}
		t.stream[i] = true
	}

	if Device(controlling) != 0 && s.find(controlling) == nil {
		s = append(s, &Terminal{file: controlling, fd: descriptor.Of(controlling)})
	}
	for i, t := range s {
		if t.controlsUs() {
			s[0], s[i] = s[i], s[0]
		}
	}
	for i, t := range s {
		t.control = i == 0
		t.alone = t.stream == [3]bool{true, true, true} || !t.control && t.stream[0]
		t.wants = t.alone && t.foreground()
		// A program that ignores these would get errors in the background.
		t.front = t.wants || inherited.Ignores(unix.SIGTTIN) || inherited.Ignores(unix.SIGTTOU)
		t.look()
		var err error
		if t.wake[0], t.wake[1], err = os.Pipe(); err != nil {
			s.Abandon()
			return nil, err
		}
	}
	if len(s) > 0 {
		// Before the program runs: from then on we may not stop without it.
		s[0].signals = make(chan os.Signal, 8)
		if !inherited.Ignores(unix.SIGTSTP) {
			signal.Notify(s[0].signals, unix.SIGTSTP)
		}
	}
	return s, nil
}

// adopt returns the Terminal for f, or nil. Its own opening is for a descriptor that
// only reads or only writes.
func adopt(f *os.File) *Terminal {
	flags, err := unix.FcntlInt(uintptr(descriptor.Of(f)), unix.F_GETFL, 0)
	if err == nil && flags&unix.O_ACCMODE == unix.O_RDWR {
		return &Terminal{file: f, fd: descriptor.Of(f)}
	}
	for _, path := range []string{"/dev/tty", descriptor.Path(f)} {
		own, err := os.OpenFile(path, unix.O_RDWR|unix.O_NOCTTY, 0)
		if err == nil && Device(own) == Device(f) {
			return &Terminal{file: own, own: true, fd: descriptor.Of(own)}
		}
		own.Close()
	}
	return nil
}

// look takes down the modes of the caller's terminal, which the program's begins with.
func (t *Terminal) look() {
	if modes, err := unix.IoctlGetTermios(t.fd, unix.TCGETS); err == nil {
		t.found = *modes
	}
	t.modes, t.begins = t.found, t.found
	if !t.foreground() {
		// The modes are those that the shell edits its command line with.
		t.begins.Iflag |= unix.ICRNL | unix.IXON | unix.IUTF8
		t.begins.Oflag |= unix.OPOST | unix.ONLCR
		t.begins.Lflag |= unix.ISIG | unix.ICANON | unix.IEXTEN | unix.ECHO | unix.ECHOE | unix.ECHOK | unix.ECHOCTL | unix.ECHOKE
	}
	if !t.front {
		// A program that only writes stays in the background.
		t.begins.Lflag &^= unix.TOSTOP
	}
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

// find returns the terminal that f is, or nil.
func (s Set) find(f *os.File) *Terminal {
	for _, t := range s {
		if Device(t.file) == Device(f) {
			return t
		}
	}
	return nil
}

// Of returns the index of the terminal that is stream 0, 1 or 2 of the program, or -1.
func (s Set) Of(stream int) int {
	for i, t := range s {
		if t.stream[stream] {
			return i
		}
	}
	return -1
}

// Open takes our end of a pseudo-terminal, which init hands out in the order of s.
func (s Set) Open(master *os.File) {
	for _, t := range s {
		if t.master == nil {
			t.master = master
			return
		}
	}
	master.Close()
}

// Start begins the copying, once the program runs. Say sends a message to init.
func (s Set) Start(say func(*initproc.Message)) {
	for _, t := range s {
		t.say = say
		t.start()
	}
	if len(s) == 0 {
		return
	}

	// A write to a pipe that nobody reads would end us, and leave a terminal raw.
	signal.Notify(s[0].signals, unix.SIGWINCH, unix.SIGCONT, unix.SIGPIPE)
	go s.watch(s[0].signals)
}

func (t *Terminal) start() {
	if t.front {
		t.group = t.inner()
	} else {
		t.idle = t.inner()
		if modes, err := t.innerModes(); err == nil {
			t.begins = *modes
		}
	}
	if t.wants {
		t.takeOver()
		t.enter(t.drain())
	}

	t.output.Add(1)
	go func() {
		defer t.output.Done()
		t.copyOutput()
		t.master.Close()
	}()
	if t.control || t.wants {
		t.input.Add(1)
		go func() {
			defer t.input.Done()
			t.copyInput()
		}()
	}
}

// watch passes on what the caller's terminal and shell tell by signals.
func (s Set) watch(signals <-chan os.Signal) {
	for sig := range signals {
		switch sig {
		case unix.SIGWINCH:
			s.resize()
		case unix.SIGCONT:
			s.resume()
		case unix.SIGTSTP:
			// When the program has stopped, Stopped is called.
			s[0].signal(unix.SIGTSTP)
		}
	}
}

// resize gives the pseudo-terminals the sizes of the caller's. The kernel tells
// those who are in the foreground.
func (s Set) resize() {
	for _, t := range s {
		master := descriptor.Of(t.master)
		size, err := unix.IoctlGetWinsize(t.fd, unix.TIOCGWINSZ)
		before, err2 := unix.IoctlGetWinsize(master, unix.TIOCGWINSZ)
		if err != nil || err2 != nil || *size == *before {
			continue
		}
		unix.IoctlSetWinsize(master, unix.TIOCSWINSZ, size)
		if t.control && t.inner() == t.idle {
			t.signal(unix.SIGWINCH)
		}
	}
}

// Finish waits for the last output and gives the caller's terminals back.
func (s Set) Finish() {
	for _, t := range s {
		t.output.Wait()
		t.master.Close()
		t.wake[1].Close()
		t.input.Wait()
		t.wake[0].Close()
		t.release()
		t.close()
	}
	if len(s) > 0 {
		signal.Stop(s[0].signals)
		close(s[0].signals)
	}
}

// Abandon lets go of everything if the program never ran.
func (s Set) Abandon() {
	for _, t := range s {
		t.master.Close()
		t.wake[0].Close()
		t.wake[1].Close()
		t.close()
		if t.signals != nil {
			signal.Stop(t.signals)
		}
	}
}

func (t *Terminal) close() {
	if t.own {
		t.file.Close()
	}
}
