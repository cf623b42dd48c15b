package isolate

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/descriptor"
	"isolate-namespace/isolate/internal/initproc"
)

// A dialogue is the caller's side of the control socket. It believes only what can be
// true at the moment: much of what init says depends on what the program does, which
// is hostile.
type dialogue struct {
	socket      *os.File
	terminals   int // how many the program has
	opened      int // how many of them were handed out; changed by hear only
	hasListener bool
	doors       *doorkeeper
	steps       map[initproc.Kind]int // the number of calls of each list

	stage   stage // changed by hear only
	asking  sync.Mutex
	asked   atomic.Bool // there is a question without an answer
	answers chan answer
}

// A stage is how far init says that it has come.
type stage int

const (
	making    stage = iota // the sandbox
	entering               // the program's terminals were handed out
	listening              // to the program's system calls
	running                // the program
	over                   // the program has ended, or never runs
)

type answer struct {
	socket *os.File
	err    error
}

// errUntrue is the error for a message that can't be true.
var errUntrue = errors.New("init sent a message that it can't send now")

// newDialogue begins a dialogue over the caller's end of the control socket.
func newDialogue(socket int, d *initproc.Process, terminals int, doors *doorkeeper) *dialogue {
	return &dialogue{
		socket: os.NewFile(uintptr(socket), "control socket"), terminals: terminals, doors: doors, hasListener: d.Listener >= 0,
		steps:   map[initproc.Kind]int{initproc.EarlyFailed: d.Early.Len(), initproc.SetupFailed: d.Setup.Len(), initproc.EntryFailed: d.Entry.Len(), initproc.ExecFailed: 1},
		answers: make(chan answer, 1),
	}
}

// say sends a message to init.
func (d *dialogue) say(m *initproc.Message) error {
	_, err := d.socket.Write(m.Bytes())
	return err
}

// hear waits for the next message from init, and the descriptors that come with it. The
// error is errUntrue for a message to ignore, and another one when init is gone.
func (d *dialogue) hear() (initproc.Message, []int, error) {
	m, fds, err := d.receive()
	if err != nil {
		return m, nil, err
	}
	next, ok := d.follow(&m, len(fds))
	if !ok {
		closeAll(fds)
		return m, nil, errUntrue
	}
	d.stage = next
	if m.Kind == initproc.Opened {
		d.opened++
	}
	return m, fds, nil
}

// follow returns the stage that m leads to, and whether init can say m now, with so
// many descriptors.
func (d *dialogue) follow(m *initproc.Message, fds int) (stage, bool) {
	first := making // the stage in which the program can be entered
	if d.terminals > 0 {
		first = entering
	}
	ready := first // the stage in which it can be executed
	if d.hasListener {
		ready = listening
	}

	failed := m.Value > 0 && m.Value < 4096 && int64(m.Index) < int64(d.steps[m.Kind]) && fds == 0
	switch m.Kind {
	case initproc.Opened:
		next := making
		if d.opened+1 == d.terminals {
			next = entering
		}
		return next, d.stage == making && d.opened < d.terminals && fds == 1
	case initproc.EarlyFailed:
		return over, d.stage == making && failed
	case initproc.SetupFailed:
		return over, d.stage == making && d.opened == 0 && failed
	case initproc.EntryFailed:
		return over, d.stage == first && failed
	case initproc.Listening:
		return listening, d.stage == first && d.hasListener && fds == 1
	case initproc.ExecFailed:
		return over, d.stage == ready && failed
	case initproc.Started:
		return running, d.stage == ready && fds == 0
	case initproc.Stopped:
		return running, d.stage == running && d.terminals > 0 && fds == 0
	case initproc.Ended:
		status := unix.WaitStatus(m.Value)
		return over, d.stage == running && (status.Exited() || status.Signaled()) && fds == 0
	case initproc.Dialed:
		return running, d.stage == running && fds <= 1 && d.asked.CompareAndSwap(true, false)
	}

	return d.stage, false
}

// receive reads one message and the descriptors that come with it. Meanwhile it has the
// doors served when the first one is used.
func (d *dialogue) receive() (m initproc.Message, fds []int, err error) {
	for {
		raw, err := d.doors.orBell(d.socket).SyscallConn()
		if err != nil {
			return m, nil, err
		}
		used := false
		readErr := raw.Read(func(uintptr) bool {
			fds, err = initproc.Receive(descriptor.Of(d.socket), &m, 1)
			used = err == unix.EAGAIN && d.doors.isUsed()
			return err != unix.EAGAIN || used
		})
		if readErr != nil {
			return m, nil, readErr
		}
		if !used {
			return m, fds, err
		}
		d.doors.serve()
	}
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
func (d *dialogue) answer(m *initproc.Message, fds []int) {
	switch {
	case m.Value != 0:
		closeAll(fds)
		d.answers <- answer{err: unix.Errno(m.Value)}
	case len(fds) == 0:
		d.answers <- answer{err: unix.EBADMSG}
	default:
		d.answers <- answer{socket: fromInside(fds[0])}
	}
}

// fromInside returns the file of a descriptor that init has sent.
func fromInside(fd int) *os.File { return os.NewFile(uintptr(fd), "from inside") }

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

func (d *dialogue) close() { d.socket.Close() }
