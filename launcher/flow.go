package launcher

import (
	"golang.org/x/sys/unix"
)

// A flow is one direction of a connection. It is idle, or it holds what its
// receiver hasn't taken yet, and reads nothing until the receiver has.
type flow struct {
	conn     *connection
	from, to *socket
	unsent   []byte
	moved    bool // something has gone to the receiver
	ended    bool // nothing more comes from the sender
	done     bool // nothing more goes to the receiver
}

func newConnection(d *door, fd int) *connection {
	c := &connection{door: d, client: socket{fd: fd}, inner: socket{fd: -1}}
	c.toKernel = flow{conn: c, from: &c.client, to: &c.inner}
	c.toClient = flow{conn: c, from: &c.inner, to: &c.client}
	c.client.in, c.client.out = &c.toKernel, &c.toClient
	c.inner.in, c.inner.out = &c.toClient, &c.toKernel
	return c
}

func (f *flow) reading() bool { return !f.ended && !f.done && len(f.unsent) == 0 }
func (f *flow) writing() bool { return !f.done && len(f.unsent) > 0 }

// pump reads once and writes what it read. Reading until nothing is left would
// cost one more call for each message; epoll reports again if more is there.
func (f *flow) pump(buffer []byte) {
	if !f.reading() {
		return
	}
	n, err := unix.Read(f.from.fd, buffer)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err != nil || n == 0:
		f.ended = true
		f.finish()
		return
	}
	if cell := f.conn.door.cell; cell != nil && f == &f.conn.toClient {
		cell.watch(buffer[:n])
	}
	taken := f.send(buffer[:n])
	if !f.done && taken < n {
		f.unsent = append(f.unsent, buffer[taken:n]...)
	}
}

// flush writes what the receiver did not take before.
func (f *flow) flush() {
	if !f.writing() {
		return
	}
	taken := f.send(f.unsent)
	if f.unsent = f.unsent[taken:]; len(f.unsent) == 0 {
		f.unsent = nil
		f.finish()
	}
}

// send returns how much of b the receiver took. If it is gone, f is done.
func (f *flow) send(b []byte) int {
	n, err := unix.Write(f.to.fd, b)
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		f.done, f.unsent = true, nil
	}
	f.moved = f.moved || n > 0
	return max(n, 0)
}

// finish passes on that the sender has ended, once the receiver has everything.
func (f *flow) finish() {
	if f.ended && len(f.unsent) == 0 {
		f.done = true
		unix.Shutdown(f.to.fd, unix.SHUT_WR)
	}
}

// connect reports whether the kernel's socket has taken the connection.
func (c *connection) connect() bool {
	if c.inner.fd < 0 {
		fd, err := c.door.dial()
		if err != nil {
			return false
		}
		c.inner.fd = fd
		if c.door.inside == nil {
			return true
		}
	}

	// The first call starts an attempt, or returns the result of the last one; on
	// the loopback interface the attempt has ended by the second call.
	for range 2 {
		switch err := unix.Connect(c.inner.fd, c.door.inside); err {
		case nil, unix.EISCONN:
			return true
		case unix.EINPROGRESS:
		default:
			return false
		}
	}

	return false
}

// close ends a socket. It first reads what is left and throws it away: otherwise
// the other side would get a reset in place of our last bytes.
func (s *socket) close(scratch []byte) {
	if s.fd < 0 {
		return
	}
	unix.Shutdown(s.fd, unix.SHUT_WR)
	for range 16 {
		if n, err := unix.Read(s.fd, scratch); n <= 0 || err != nil {
			break
		}
	}
	unix.Close(s.fd)
	s.fd = -1
}
