package network

import (
	"context"
	"net"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/door"
	"isolate-namespace/internal/flow"
)

// A connection is one of the program's, and its counterpart outside.
type connection struct {
	*flow.Pair
	to  service
	six bool // it was made by IPv6
}

// accept takes a connection that waits in a socket. It reports whether another may.
func (s *server) accept(listener int, to service, six bool) bool {
	if len(s.open) >= s.most {
		if !isReadable(listener) {
			return false
		}
		s.teller.tell(door.TooMany, "", strconv.Itoa(s.most))
		s.setFull(true)
		return false
	}
	fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	switch err {
	case nil:
	case unix.EAGAIN:
		return false
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
		s.setFull(true)
		s.after(100*time.Millisecond, s.acceptAgain)
		return false
	default:
		return true // this one has ended already
	}

	c := &connection{flow.NewPair(fd), to, six}
	c.Pipes, c.Resets = &s.pipes, true
	s.open[c] = true
	go s.connect(c)
	return true
}

// isReadable reports whether there is something to take, without taking it.
func isReadable(fd int) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return n > 0
}

// setFull has connections wait in the sockets' queues, or no longer.
func (s *server) setFull(full bool) {
	if s.full != full {
		s.full = full
		for _, l := range s.listeners {
			l.pause(full)
		}
	}
}

// acceptAgain is for when there may be room again.
func (s *server) acceptAgain() {
	if s.full && len(s.open) < s.most {
		s.setFull(false)
		if s.ended {
			s.acceptAll()
		}
	}
}

// acceptAll accepts as many as wait and as there is room for.
func (s *server) acceptAll() {
	for _, l := range s.listeners {
		l.takeAll()
	}
}

// connect makes the connection outside.
func (s *server) connect(c *connection) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	conn, first, err := s.dial(ctx, c)
	fd := -1
	if err == nil {
		fd, err = take(conn)
	}
	s.post(func() { s.connected(c, fd, first, err) })
}

// take returns the descriptor of a connection, of which package net is to know no more.
func take(c *net.TCPConn) (fd int, err error) {
	defer c.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	if other := raw.Control(func(theirs uintptr) { fd, err = unix.FcntlInt(theirs, unix.F_DUPFD_CLOEXEC, 0) }); other != nil {
		return -1, other
	}
	return fd, err
}

// connected begins to copy in both directions.
func (s *server) connected(c *connection, fd int, first []byte, err error) {
	if err != nil {
		c.Reset()
		s.forget(c)
		s.tellWhy(c.to, err)
		return
	}
	c.Server.FD = fd
	c.SendAtOnce()
	c.Down.Queue(first)
	for _, end := range []int{c.Client.FD, fd} {
		s.handlers[end] = func(events uint32) {
			c.Handle(end, events, s.buffer[:])
			s.settle(c)
		}
	}
	s.settle(c)
}

// settle waits for what c waits for now, or ends it. An error ends both directions, and
// so does the end of what the program sends if nobody waits for an answer.
func (s *server) settle(c *connection) {
	switch {
	case c.Server.FD < 0:
	case c.Broken():
		s.drop(c)
		c.Reset()
		s.forget(c)
	case c.Up.Done() && (c.Down.Done() || s.ended):
		s.drop(c)
		c.Close(s.buffer[:])
		s.forget(c)
	default:
		c.Await(s.poll)
	}
}

// drop has no more events of c's sockets handled.
func (s *server) drop(c *connection) {
	delete(s.handlers, c.Client.FD)
	delete(s.handlers, c.Server.FD)
}

// forget makes room for another.
func (s *server) forget(c *connection) {
	delete(s.open, c)
	s.acceptAgain()
}
