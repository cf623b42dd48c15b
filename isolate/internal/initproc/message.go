package initproc

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Message is how the caller and init talk to each other, over a socket of whole
// messages (SOCK_SEQPACKET) that no other process inside ever has. If one side ends,
// the other one sees the end of the socket.
type Message struct {
	Kind  Kind
	Value uint32 // errno, signal number or wait status
	Index uint32 // which call failed; how often everything inside was continued
	Size  uint32 // bytes of Addr in use
	Addr  [112]byte
}

const messageSize = int(unsafe.Sizeof(Message{}))

// A Kind says what a Message is about.
type Kind uint32

// Messages from init.
const (
	SetupFailed Kind = iota + 1 // a call of Setup
	EntryFailed                 // a call of Entry
	ExecFailed                  // the program itself
	Opened                      // the program's terminal comes with it
	Listening                   // the listener of its system calls comes with it
	Started                     // the program runs
	Stopped                     // the program was stopped by this signal
	Ended                       // the program has ended, with this wait status
	Dialed                      // a socket comes with it, or it has an errno
	EarlyFailed                 // a call of Early
)

// Messages to init.
const (
	SendSignal = EarlyFailed + 1 + iota // to the program's process group
	SignalAll                           // to every process inside but init
	Dial                                // connect a stream socket to the socket address in Addr
	Begin                               // the calls of Setup below Index are complete
	GoOn                                // the lists are complete
	Foreground                          // of the program's terminal is for this process group: Init or Program
)

// Process IDs inside, which are those of process groups, too.
const (
	Init    = 1
	Program = 2 // the first process after init
)

// ExitStatus is init's exit status if the sandbox couldn't be made or the caller has
// ended.
const ExitStatus = 125

// Bytes returns m as it is sent. Reading into it fills m.
func (m *Message) Bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(m)), messageSize)
}

// Pair makes the two ends of the control socket: the caller's, which doesn't
// block, and init's.
func Pair() (ours, theirs int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(pair[0], true)
	}
	return pair[0], pair[1], err
}

// Receive reads one message into m and returns the descriptors that came with it. A
// message that isn't whole, or comes with more than most descriptors, gets no kind. The
// error is EAGAIN if there is no message, and ECONNRESET if the other side has ended.
func Receive(socket int, m *Message, most int) (fds []int, err error) {
	oob := make([]byte, unix.CmsgSpace(4*most))
	n, oobn, flags, _, err := unix.Recvmsg(socket, m.Bytes(), oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if n == 0 && oobn == 0 {
		return nil, unix.ECONNRESET
	}
	fds = descriptorsIn(oob[:oobn])
	if n == messageSize && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) == 0 && len(fds) <= most {
		return fds, nil
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
	m.Kind = 0
	return nil, nil
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
