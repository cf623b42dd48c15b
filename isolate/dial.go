package isolate

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

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

// dialSource is the address that connections come from, at any port. It is not
// the one that they go to: an attempt from 127.0.0.1 that happened to start at
// the very port it is for would be connected to itself.
var dialSource = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte{127, 0, 0, 2}}

// DialTCP returns a stream socket of the sandbox's own network that connects
// to the port of 127.0.0.1 inside. It does not block: the connection is there
// when the socket becomes writable and carries no error (connect(2),
// EINPROGRESS). While nobody listens the error is ECONNREFUSED, from here or
// from the socket. The connection comes from 127.0.0.2.
func (c *Cmd) DialTCP(port int) (*os.File, error) {
	if port < 1 || port > 65535 {
		return nil, fmt.Errorf("dial port %d inside: %w", port, unix.EINVAL)
	}
	m := message{kind: dial, size: unix.SizeofSockaddrInet4}
	binary.NativeEndian.PutUint16(m.addr[0:], unix.AF_INET)
	binary.BigEndian.PutUint16(m.addr[2:], uint16(port))
	copy(m.addr[4:], []byte{127, 0, 0, 1})
	return c.dial(&m)
}

// DialUnix is DialTCP for a stream socket at a path inside, of 107 bytes at
// most.
func (c *Cmd) DialUnix(path string) (*os.File, error) {
	m := message{kind: dial}
	if path == "" || len(path) > unix.SizeofSockaddrUnix-3 {
		return nil, fmt.Errorf("dial %s inside: %w", path, unix.ENAMETOOLONG)
	}
	binary.NativeEndian.PutUint16(m.addr[0:], unix.AF_UNIX)
	m.size = uint32(2 + copy(m.addr[2:], path) + 1)
	return c.dial(&m)
}

// dial asks init for a socket.
func (c *Cmd) dial(m *message) (*os.File, error) {
	c.dialing.Lock()
	defer c.dialing.Unlock()
	if _, err := c.control.Write(m.bytes()); err != nil {
		return nil, unix.ECONNRESET
	}
	select {
	case a := <-c.answers:
		return a.socket, a.err
	case <-c.ended:
		return nil, unix.ECONNRESET
	}
}

// receive reads one message of init's, and the socket that may come with it.
func (c *Cmd) receive() (m message, socket *os.File, err error) {
	raw, err := c.control.SyscallConn()
	if err != nil {
		return m, nil, err
	}
	oob := make([]byte, unix.CmsgSpace(4))
	var n, oobn int
	readErr := raw.Read(func(fd uintptr) bool {
		n, oobn, _, _, err = unix.Recvmsg(int(fd), m.bytes(), oob, unix.MSG_CMSG_CLOEXEC)
		return err != unix.EAGAIN
	})
	if err == nil {
		err = readErr
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil || oobn == 0 {
		return m, nil, err
	}
	controls, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(controls) != 1 {
		return m, nil, unix.EBADMSG
	}
	fds, err := unix.ParseUnixRights(&controls[0])
	if err != nil || len(fds) != 1 {
		return m, nil, unix.EBADMSG
	}
	return m, os.NewFile(uintptr(fds[0]), "socket from inside"), nil
}
