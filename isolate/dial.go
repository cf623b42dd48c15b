package isolate

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/initproc"
)

// dialSource is the address that connections come from, at any port. It differs from
// the one that they go to: an attempt from 127.0.0.1 that happened to use the
// destination's own port as its source would connect to itself.
var dialSource = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte{127, 0, 0, 2}}

// DialTCP returns a stream socket of the sandbox's own network that connects
// to the port of 127.0.0.1 inside. It doesn't block: the connection is made when the
// socket becomes writable and has no error (connect(2), EINPROGRESS). If nobody
// listens the error is ECONNREFUSED, from here or from the socket. The connection
// comes from 127.0.0.2.
func (c *Cmd) DialTCP(port int) (*os.File, error) {
	if port < 1 || port > 65535 {
		return nil, fmt.Errorf("dial port %d inside: %w", port, unix.EINVAL)
	}
	m := initproc.Message{Kind: initproc.Dial, Size: unix.SizeofSockaddrInet4}
	binary.NativeEndian.PutUint16(m.Addr[0:], unix.AF_INET)
	binary.BigEndian.PutUint16(m.Addr[2:], uint16(port))
	copy(m.Addr[4:], []byte{127, 0, 0, 1})
	return c.dial(&m)
}

// DialUnix is DialTCP for a stream socket at a path inside, of at most 107 bytes.
func (c *Cmd) DialUnix(path string) (*os.File, error) {
	m := initproc.Message{Kind: initproc.Dial}
	if path == "" || len(path) > unix.SizeofSockaddrUnix-3 {
		return nil, fmt.Errorf("dial %s inside: %w", path, unix.ENAMETOOLONG)
	}
	binary.NativeEndian.PutUint16(m.Addr[0:], unix.AF_UNIX)
	m.Size = uint32(2 + copy(m.Addr[2:], path) + 1)
	return c.dial(&m)
}

// dial asks init for a socket.
func (c *Cmd) dial(m *initproc.Message) (*os.File, error) {
	if c.ended == nil {
		return nil, unix.ECONNRESET
	}
	c.listenBeside()
	return c.dialogue.ask(m, c.ended)
}
