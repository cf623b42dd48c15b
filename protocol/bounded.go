package protocol

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/transport"
)

// A peer may be hostile: it says how long a frame is before it sends it, and
// the ZeroMQ library believes that. Connections of ours end where a message
// would be larger than any of Jupyter's to us.
const (
	maxMessage = 8 << 20 // bytes in all its frames
	maxFrames  = 1000
	maxReady   = 4096 // bytes of the first, in which the peer presents itself
)

// ErrRefused is the error of using a connection that was ended because
// of what the peer sent.
var ErrRefused = errors.New("its messages are too large or malformed")

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
	frames  frameFollower
	refused atomic.Bool
}

func (c *boundedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.frames.follow(p[:n]) {
		c.refused.Store(true)
		c.Close()
		return 0, ErrRefused
	}
	return n, err
}

// Write names the same cause as Read: which of the two the library does first
// is chance.
func (c *boundedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && c.refused.Load() {
		err = ErrRefused
	}
	return n, err
}

// A frameFollower knows where in a ZMTP 3 stream it is (rfc.zeromq.org/spec/23):
// a greeting of 64 bytes, then frames, each with a byte of flags and a length
// of one or eight bytes before it.
type frameFollower struct {
	greeted int    // bytes of the greeting
	ready   []byte // the first frame, as far as it has come
	opened  bool   // the first frame is whole
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
			if f.body -= n; !f.opened && !f.open(data[:n]) {
				return false
			}
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
	if !f.opened && f.body > maxReady || f.body > maxMessage || f.size+f.body > maxMessage || f.count > maxFrames {
		return false
	}
	if f.body == 0 && !f.opened {
		return false // it has no name
	}
	if f.size += f.body; flags&more == 0 {
		f.size, f.count = 0, 0
	}
	return true
}

// open goes on by a part of the first frame, and says whether the library can
// read it once it is whole: it looks for the properties of a READY command
// without asking whether they are there.
func (f *frameFollower) open(part []byte) bool {
	f.ready = append(f.ready, part...)
	if f.body > 0 {
		return true
	}
	name := int(f.ready[0])
	if 1+name > len(f.ready) {
		return false
	}
	ok := readable(f.ready[1+name:])
	f.ready, f.opened = nil, true
	return ok
}

// readable says whether the properties are whole: each is a byte of length and
// a name, and four bytes of length and a value.
func readable(properties []byte) bool {
	for p := properties; len(p) > 0; {
		value := 1 + int(p[0])
		if value+4 > len(p) {
			return false
		}
		size := uint64(binary.BigEndian.Uint32(p[value:]))
		if p = p[value+4:]; size > uint64(len(p)) {
			return false
		}
		p = p[size:]
	}
	return true
}
