package protocol

import (
	"context"
	"encoding/binary"
	"errors"
	"net"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/transport"
)

// A peer may be hostile: it says how long a frame is before it sends it, and
// the ZeroMQ library believes that. Connections of ours end where a message
// would be larger than any of Jupyter's to us.
const (
	maxMessage = 8 << 20 // bytes in all its frames
	maxFrames  = 1000
)

var errTooLarge = errors.New("the peer announces a message of more than 8 MiB")

// schemePrefix begins the name of a transport with such connections.
const schemePrefix = "bounded-"

// registerBounded makes the library know them. It keeps the first of a name,
// and a second one is the same.
func registerBounded() {
	for scheme, network := range map[string]string{"tcp": "tcp", "ipc": "unix"} {
		_ = zmq4.RegisterTransport(schemePrefix+scheme, bounded{transport.New(network)})
	}
}

// A bounded is a transport of bounded connections.
type bounded struct{ transport.Transport }

func (b bounded) Dial(ctx context.Context, dialer transport.Dialer, addr string) (net.Conn, error) {
	conn, err := b.Transport.Dial(ctx, dialer, addr)
	if err != nil {
		return nil, err
	}
	return &boundedConn{Conn: conn}, nil
}

func (b bounded) Listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := b.Transport.Listen(ctx, addr)
	if err != nil {
		return nil, err
	}
	return boundedListener{l}, nil
}

type boundedListener struct{ net.Listener }

func (l boundedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &boundedConn{Conn: conn}, nil
}

// A boundedConn follows the frames that it reads.
type boundedConn struct {
	net.Conn
	frames frameFollower
}

func (c *boundedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.frames.follow(p[:n]) {
		c.Close()
		return 0, errTooLarge
	}
	return n, err
}

// A frameFollower knows where in a ZMTP 3 stream it is (rfc.zeromq.org/spec/23):
// a greeting of 64 bytes, then frames, each with a byte of flags and a length
// of one or eight bytes before it.
type frameFollower struct {
	greeted int    // bytes of the greeting
	header  []byte // of the next frame, as far as it has come
	body    uint64 // bytes of this frame that are still to come
	size    uint64 // of the message's frames
	count   int
}

// follow goes on by what was read, and says whether it is within bounds.
func (f *frameFollower) follow(data []byte) bool {
	const greeting = 64
	n := min(greeting-f.greeted, len(data))
	f.greeted += n
	for data = data[n:]; len(data) > 0; {
		if f.body > 0 {
			n := min(f.body, uint64(len(data)))
			f.body -= n
			data = data[n:]
			continue
		}
		f.header = append(f.header, data[0])
		data = data[1:]
		if !f.begin() {
			return false
		}
	}
	return true
}

// begin begins a frame once its header is whole.
func (f *frameFollower) begin() bool {
	const more, long = 1, 2
	flags := f.header[0]
	switch {
	case flags&long == 0 && len(f.header) == 1+1:
		f.body = uint64(f.header[1])
	case flags&long != 0 && len(f.header) == 1+8:
		f.body = binary.BigEndian.Uint64(f.header[1:])
	default:
		return true
	}
	f.header = f.header[:0]
	f.count++
	if f.body > maxMessage || f.size+f.body > maxMessage || f.count > maxFrames {
		return false
	}
	if f.size += f.body; flags&more == 0 {
		f.size, f.count = 0, 0
	}
	return true
}
