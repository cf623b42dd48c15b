package isolate

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A dialogue is the caller's side of the control socket. It believes init only
// what can be true at the moment: much of what init says comes from what the
// program does, which is hostile.
type dialogue struct {
	socket      *os.File
	hasTerminal bool
	steps       map[messageKind]int // how many calls can have failed

	stage   stage // only hear goes on to the next one
	asking  sync.Mutex
	asked   atomic.Bool // and not answered
	answers chan answer
}

// A stage is how far init has come, by its own account.
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

// errUntrue says that init has said what can't be.
var errUntrue = errors.New("init sent a message that it can't send now")

// newDialogue begins the one with d over the caller's end of their socket.
func newDialogue(socket int, d *initProcess, hasTerminal bool) *dialogue {
	return &dialogue{
		socket: os.NewFile(uintptr(socket), "control socket"), hasTerminal: hasTerminal,
		steps:   map[messageKind]int{setupFailed: d.setup.Len(), entryFailed: d.entry.Len(), execFailed: 1},
		answers: make(chan answer, 1),
	}
}

// say sends a message to init.
func (d *dialogue) say(m *message) error {
	_, err := d.socket.Write(m.bytes())
	return err
}

// hear waits for the next message of init's, and the file that comes with it.
// The error is errUntrue for one to be ignored, and io.EOF when init is gone.
func (d *dialogue) hear() (message, *os.File, error) {
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
func (d *dialogue) follow(m *message, file bool) (stage, bool) {
	first := making // stage in which the program can be entered
	if d.hasTerminal {
		first = entering
	}
	failed := m.value > 0 && m.value < 4096 && int64(m.index) < int64(d.steps[m.kind]) && !file
	switch m.kind {
	case opened:
		return entering, d.stage == making && d.hasTerminal && file
	case setupFailed:
		return over, d.stage == making && failed
	case entryFailed, execFailed:
		return over, d.stage == first && failed
	case started:
		return running, d.stage == first && !file
	case stopped:
		return running, d.stage == running && d.hasTerminal && !file
	case ended:
		status := unix.WaitStatus(m.value)
		return over, d.stage == running && (status.Exited() || status.Signaled()) && !file
	case dialed:
		return running, d.stage == running && d.asked.CompareAndSwap(true, false)
	}
	return d.stage, false
}

// receive reads one message and the descriptor that comes with it, or -1. One
// that isn't whole, or brings more, has no kind.
func (d *dialogue) receive() (m message, fd int, err error) {
	raw, err := d.socket.SyscallConn()
	if err != nil {
		return m, -1, err
	}
	oob := make([]byte, unix.CmsgSpace(4))
	var n, oobn, flags int
	readErr := raw.Read(func(fd uintptr) bool {
		n, oobn, flags, _, err = unix.Recvmsg(int(fd), m.bytes(), oob, unix.MSG_CMSG_CLOEXEC)
		return err != unix.EAGAIN
	})
	if err == nil {
		err = readErr
	}
	if err == nil && n == 0 && oobn == 0 {
		err = io.EOF
	}
	if err != nil {
		return m, -1, err
	}
	fds := descriptorsIn(oob[:oobn])
	if n == messageSize && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) == 0 && len(fds) <= 1 {
		return m, append(fds, -1)[0], nil
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
	return message{}, -1, nil
}

// descriptorsIn returns all descriptors that came with a message.
func descriptorsIn(oob []byte) (all []int) {
	controls, _ := unix.ParseSocketControlMessage(oob)
	for i := range controls {
		fds, _ := unix.ParseUnixRights(&controls[i])
		all = append(all, fds...)
	}
	return all
}

// ask sends m, a question, and waits for the answer. It gives up when the
// sandbox has ended.
func (d *dialogue) ask(m *message, ended <-chan struct{}) (*os.File, error) {
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
	case a := <-d.answers: // it came at the same moment
		return a.socket, a.err
	default:
		return nil, unix.ECONNRESET
	}
}

// answer hands m, an answer, to whoever asked: a socket or an error.
func (d *dialogue) answer(m *message, socket *os.File) {
	switch {
	case m.value != 0:
		socket.Close()
		d.answers <- answer{err: unix.Errno(m.value)}
	case socket == nil:
		d.answers <- answer{err: unix.EBADMSG}
	default:
		d.answers <- answer{socket: socket}
	}
}

func (d *dialogue) close() { d.socket.Close() }
