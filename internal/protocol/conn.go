package protocol

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrRefused is the error of using a connection that was ended because
// of what the peer sent.
var ErrRefused = errors.New("its messages are too large or malformed")

const (
	// handshakeTime is how long a client has to greet us. It needs no time to
	// think.
	handshakeTime = 10 * time.Second

	// startTime is how long a kernel has to greet us, who are its client from
	// its start on. Front ends wait as long for its first answer.
	startTime = 60 * time.Second

	// writeTime is how long a peer has to take what we send. The library sends
	// to one peer after the other.
	writeTime = 5 * time.Second
)

// A boundedConn follows what it reads, and ends where the library couldn't.
type boundedConn struct {
	net.Conn
	frames  frameFollower
	refused atomic.Bool
	closing sync.Once
	onClose func() // may be nil

	// With a client greetings are exchanged before the library has the
	// connection: it then reads what came early, and what it says again is
	// left out.
	early []byte
	again int
}

// newDialled returns a connection that we have made.
func newDialled(conn net.Conn, r *role) *boundedConn {
	conn.SetReadDeadline(time.Now().Add(startTime))
	return &boundedConn{Conn: conn, frames: frameFollower{role: r}}
}

// shakeHands exchanges greetings and waits for the peer to present itself.
// After that the library finds all that it needs to take up the connection.
func (c *boundedConn) shakeHands() error {
	c.SetReadDeadline(time.Now().Add(handshakeTime))
	greeting := make([]byte, greetingSize)
	copy(greeting, ourGreeting)
	if _, err := c.Write(greeting); err != nil {
		return err
	}
	for buffer := make([]byte, maxReady); !c.frames.opened; {
		n, err := c.receive(buffer)
		if err != nil {
			return err
		}
		c.early = append(c.early, buffer[:n]...)
	}
	c.again = len(greeting)
	return nil
}

func (c *boundedConn) Read(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	return c.receive(p)
}

func (c *boundedConn) receive(p []byte) (int, error) {
	opened := c.frames.opened
	n, err := c.Conn.Read(p)
	if !c.frames.follow(p[:n]) {
		c.refused.Store(true)
		c.Close()
		return 0, ErrRefused
	}
	if !opened && c.frames.opened {
		c.SetReadDeadline(time.Time{})
	}
	return n, err
}

// Write names the same cause as Read: which of the two the library does first
// is chance.
func (c *boundedConn) Write(p []byte) (int, error) {
	skipped := 0
	if c.again > 0 {
		skipped = min(c.again, len(p))
		c.again -= skipped
	}
	if skipped == len(p) {
		return len(p), nil
	}

	c.SetWriteDeadline(time.Now().Add(writeTime))
	n, err := c.Conn.Write(p[skipped:])
	if err != nil {
		c.Close() // the library would keep it
		if c.refused.Load() {
			err = ErrRefused
		}
	}
	return skipped + n, err
}

func (c *boundedConn) Close() error {
	c.closing.Do(func() {
		if c.onClose != nil {
			c.onClose()
		}
	})
	return c.Conn.Close()
}
