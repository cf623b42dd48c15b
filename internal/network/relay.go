package network

import (
	"context"
	"io"
	"net"
	"strconv"
	"time"

	"isolate-namespace/internal/door"
)

// A connection is one of the program's, and its counterpart outside.
type connection struct {
	to      service
	inside  *net.TCPConn
	outside *net.TCPConn
	first   []byte // what a proxy has sent with its answer
}

// accept accepts connections until the end. While there is no room, the next one waits
// here and others in the socket's queue.
func (s *server) accept(l *net.TCPListener, to service) {
	defer l.Close()
	for {
		conn, err := l.AcceptTCP()
		if err != nil && isPassing(err) {
			time.Sleep(100 * time.Millisecond) // descriptors have run out
			continue
		}
		if err != nil {
			return
		}
		select {
		case s.room <- struct{}{}:
		default:
			s.teller.tell(door.TooMany, "", strconv.Itoa(cap(s.room)))
			s.room <- struct{}{}
		}
		s.conns.Go(func() {
			s.serve(&connection{to: to, inside: conn})
			<-s.room
		})
	}
}

// serve makes the connection outside and copies in both directions.
func (s *server) serve(c *connection) {
	s.track(c, true)
	defer s.track(c, false)
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	if err := s.dial(ctx, c); err != nil {
		reset(c.inside)
		s.tellWhy(c.to, err)
		return
	}

	up, down := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(up)
		c.copy(c.outside, c.inside)
	}()
	go func() {
		defer close(down)
		if _, err := c.inside.Write(c.first); err != nil {
			c.reset()
			return
		}
		c.copy(c.inside, c.outside)
	}()
	// After the end nobody waits for an answer.
	select {
	case <-down:
	case <-s.ended:
	}
	<-up
	c.inside.Close()
	c.outside.Close()
	<-down
}

// copy copies to the end of the stream, and passes that on. An error ends both
// directions.
func (c *connection) copy(to, from *net.TCPConn) {
	if err := copyAll(to, from); err != nil {
		c.reset()
		return
	}
	to.CloseWrite()
}

// copyAll copies to the end of the stream. Messages are read and written, which takes
// less time than moving them through a pipe (splice(2)), as io.Copy does; for a stream
// that fills a whole buffer it is the other way round.
func copyAll(to, from *net.TCPConn) error {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case n == len(buffer):
			_, err := io.Copy(to, from)
			return err
		}
	}
}

func (c *connection) reset() {
	reset(c.inside)
	reset(c.outside)
}

// reset closes a connection so that the other side learns of a failure.
func reset(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}

// track keeps the set of open connections.
func (s *server) track(c *connection, open bool) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if open {
		s.open[c] = true
	} else {
		delete(s.open, c)
	}
}
