package isolate

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// A message is all that the caller and init say to each other, over a socket
// of whole messages (SOCK_SEQPACKET) that nothing else inside ever has. When
// either side is gone the other one sees the end of it.
type message struct {
	kind  messageKind
	value uint32 // errno, signal number or wait status
	index uint32 // which call failed
	size  uint32 // bytes of addr in use
	addr  [112]byte
}

const messageSize = int(unsafe.Sizeof(message{}))

type messageKind uint32

const (
	// From init.
	setupFailed messageKind = iota + 1 // a call of the set-up program
	entryFailed                        // a call on the way to the program
	execFailed                         // the program itself
	opened                             // the program's terminal comes along
	started                            // the program runs
	stopped                            // the program was stopped, as by Ctrl-Z
	ended                              // with this wait status
	dialed                             // a socket comes along, or an errno

	// To init.
	sendSignal // to the program's process group
	signalAll  // to every process inside but init
	dial       // connect a stream socket to the socket address in addr
)

func (m *message) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(m)), messageSize)
}

// A rights is one control message that carries one descriptor (unix(7),
// SCM_RIGHTS).
type rights struct {
	header unix.Cmsghdr
	fd     int32
	_      int32
}

// controlPair makes the two ends of the control socket: the caller's, which
// does not block, and init's.
func controlPair() (ours, theirs int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, &SetupError{Doing: "make the control socket", Err: err}
	}
	if err := unix.SetNonblock(pair[0], true); err != nil {
		return 0, 0, &SetupError{Doing: "make the control socket", Err: err}
	}
	return pair[0], pair[1], nil
}
