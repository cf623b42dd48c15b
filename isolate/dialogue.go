package isolate

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/initproc"
)

// A dialogue is the caller's side of the control socket. It believes only what can be
// true at the moment: much of what init says depends on what the program does, which
// is hostile.
type dialogue struct {
	socket      *os.File
	hasTerminal bool
	steps       map[initproc.Kind]int // the number of calls of each list

	stage   stage // changed by hear only
	asking  sync.Mutex
	asked   atomic.Bool // there is a question without an answer
	answers chan answer
}

// A stage is how far init says that it has come.
type stage int

const (
	making   stage = iota // the sandbox
	entering              // the program's terminal was handed out
	running               // the program
	over                  // the program has ended, or never runs
)

type answer struct {
	socket *os.File
	err    error
}

// errUntrue is the error for a message that can't be true.
var errUntrue = errors.New("init sent a message that it can't send now")

// newDialogue begins a dialogue over the caller's end of the control socket.
func newDialogue(socket int, d *initproc.Process, hasTerminal bool) *dialogue {
	return &dialogue{
		socket: os.NewFile(uintptr(socket), "control socket"), hasTerminal: hasTerminal,
		steps:   map[initproc.Kind]int{initproc.SetupFailed: d.Setup.Len(), initproc.EntryFailed: d.Entry.Len(), initproc.ExecFailed: 1},
		answers: make(chan answer, 1),
	}
}

// say sends a message to init.
func (d *dialogue) say(m *initproc.Message) error {
	_, err := d.socket.Write(m.Bytes())
	return err
}

// hear waits for the next message from init, and the file that comes with it. The
// error is errUntrue for a message to ignore, and another one when init is gone.
func (d *dialogue) hear() (initproc.Message, *os.File, error) {
	m, fd, err := d.receive()
	if err != nil {
		return m, nil, err
	}
	next, ok := d.follow(&m, fd >= 0)
	if !ok {
		if fd >= 0 {
			unix.Close(fd)
		}
		return m, nil, errUntrue
	}
	d.stage = next
	if fd < 0 {
		return m, nil, nil
	}
	return m, os.NewFile(uintptr(fd), "from inside"), nil
}

// follow returns the stage that m leads to, and whether init can say m now,
// with a file or without.
func (d *dialogue) follow(m *initproc.Message, file bool) (stage, bool) {
	first := making // stage in which the program can be entered
	if d.hasTerminal {
		first = entering
	}

	failed := m.Value > 0 && m.Value < 4096 && int64(m.Index) < int64(d.steps[m.Kind]) && !file
	switch m.Kind {
	case initproc.Opened:
		return entering, d.stage == making && d.hasTerminal && file
	case initproc.SetupFailed:
		return over, d.stage == making && failed
	case initproc.EntryFailed, initproc.ExecFailed:
		return over, d.stage == first && failed
	case initproc.Started:
		return running, d.stage == first && !file
	case initproc.Stopped:
		return running, d.stage == running && d.hasTerminal && !file
	case initproc.Ended:
		status := unix.WaitStatus(m.Value)
		return over, d.stage == running && (status.Exited() || status.Signaled()) && !file
	case initproc.Dialed:
		return running, d.stage == running && d.asked.CompareAndSwap(true, false)
	}

	return d.stage, false
}

// receive reads one message and the descriptor that comes with it, or -1.
func (d *dialogue) receive() (m initproc.Message, fd int, err error) {
	raw, err := d.socket.SyscallConn()
	if err != nil {
		return m, -1, err
	}
	readErr := raw.Read(func(socket uintptr) bool {
		fd, err = initproc.Receive(int(socket), &m)
		return err != unix.EAGAIN
	})
	if readErr != nil {
		return m, -1, readErr
	}
	return m, fd, err
}

// ask sends m, a question, and waits for the answer. It gives up when the
// sandbox has ended.
func (d *dialogue) ask(m *initproc.Message, ended <-chan struct{}) (*os.File, error) {
	d.asking.Lock()
	defer d.asking.Unlock()
	d.asked.Store(true)
	if err := d.say(m); err != nil {
		d.asked.Store(false)
		return nil, unix.ECONNRESET
	}
	select {
	case a := <-d.answers:
		return a.socket, a.err
	case <-ended:
	}
	select {
	case a := <-d.answers: // the answer came at the same moment
		return a.socket, a.err
	default:
		return nil, unix.ECONNRESET
	}
}

// answer passes m, an answer, to the caller of ask: a socket or an error.
func (d *dialogue) answer(m *initproc.Message, socket *os.File) {
	switch {
	case m.Value != 0:
		socket.Close()
		d.answers <- answer{err: unix.Errno(m.Value)}
	case socket == nil:
		d.answers <- answer{err: unix.EBADMSG}
	default:
		d.answers <- answer{socket: socket}
	}
}

func (d *dialogue) close() { d.socket.Close() }
