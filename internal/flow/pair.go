// Package flow copies bytes between two connections, without looking at them, on the
// thread that waits for their events in epoll(7): a message costs one wait, one read and
// one write, and no hand-over between threads. Its memory is bounded: it reads one
// buffer from one side, and nothing more until the other side has taken that.
package flow

import (
	"golang.org/x/sys/unix"
)

// A Pair is a client's connection and its counterpart, that to a server.
type Pair struct {
	Client, Server End
	Up, Down       Flow // to the server, and to the client

	Pipes  *Pipes // for streams that fill whole buffers; nil: they are read and written, too
	Resets bool   // whoever uses the pair resets it when it is broken
	broken bool
}

// An End is a socket that doesn't block.
type End struct {
	FD       int    // or -1
	interest uint32 // the events that epoll reports of it
}

// NewPair returns a pair whose server's connection isn't made yet.
func NewPair(client int) *Pair {
	p := &Pair{Client: End{FD: client}, Server: End{FD: -1}}
	p.Up = Flow{pair: p, from: &p.Client, to: &p.Server}
	p.Down = Flow{pair: p, from: &p.Server, to: &p.Client}
	return p
}

// SendAtOnce has both connections send a message when it is written.
func (p *Pair) SendAtOnce() {
	for _, e := range []*End{&p.Client, &p.Server} {
		// A message is written in one piece; waiting for more of it, as TCP
		// does, would only delay it.
		unix.SetsockoptInt(e.FD, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
}

// Handle does what events of one of the two sockets allow. The buffer is for the time of
// the call.
func (p *Pair) Handle(fd int, events uint32, buffer []byte) {
	in, out := &p.Up, &p.Down
	if fd == p.Server.FD {
		in, out = out, in
	}
	if events&unix.EPOLLOUT != 0 {
		out.flush()
	}
	if p.broken && p.Resets {
		return // an error is said once, and then it looks like the end
	}
	if events&^unix.EPOLLOUT != 0 {
		in.pump(buffer)
	}
}

// Await makes epoll report what the pair waits for now.
func (p *Pair) Await(poll int) {
	p.Client.Await(poll, events(&p.Up, &p.Down))
	p.Server.Await(poll, events(&p.Down, &p.Up))
}

// events returns what is awaited of a socket.
func events(in, out *Flow) (events uint32) {
	if in.reading() {
		events |= unix.EPOLLIN
	}
	if out.writing() {
		events |= unix.EPOLLOUT
	}
	return events
}

// Await sets the events that epoll reports of a socket. One that waits for nothing is
// taken out, since epoll would report the end of its connection again and again.
func (e *End) Await(poll int, events uint32) error {
	if events == e.interest {
		return nil
	}
	op := unix.EPOLL_CTL_MOD
	switch {
	case e.interest == 0:
		op = unix.EPOLL_CTL_ADD
	case events == 0:
		op = unix.EPOLL_CTL_DEL
	}
	e.interest = events
	return unix.EpollCtl(poll, op, e.FD, &unix.EpollEvent{Events: events, Fd: int32(e.FD)})
}

// Broken reports whether a connection has ended with an error.
func (p *Pair) Broken() bool { return p.broken }

// Close ends both connections.
func (p *Pair) Close(scratch []byte) {
	p.Client.close(scratch)
	p.Server.close(scratch)
	p.closePipes()
}

// Reset ends both connections so that the other sides learn of a failure.
func (p *Pair) Reset() {
	for _, e := range []*End{&p.Client, &p.Server} {
		if e.FD >= 0 {
			unix.SetsockoptLinger(e.FD, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			unix.Close(e.FD)
			e.FD = -1
		}
	}
	p.closePipes()
}

func (p *Pair) closePipes() {
	p.Up.closePipe()
	p.Down.closePipe()
}

// close ends a socket. It first reads what is left and throws it away: otherwise the
// other side would get a reset in place of our last bytes.
func (e *End) close(scratch []byte) {
	if e.FD < 0 {
		return
	}
	unix.Shutdown(e.FD, unix.SHUT_WR)
	for range 16 {
		if n, err := unix.Read(e.FD, scratch); n <= 0 || err != nil {
			break
		}
	}
	unix.Close(e.FD)
	e.FD = -1
}
