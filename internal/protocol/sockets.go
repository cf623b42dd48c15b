package protocol

import "github.com/go-zeromq/zmq4"

// Sockets are one end of the five channels between a front end and a kernel.
type Sockets struct {
	Shell, IOPub, Stdin, Control, Heartbeat zmq4.Socket
}

// Open opens every socket at its place in the connection file, by
// zmq4.Socket.Dial or zmq4.Socket.Listen. All are to be closed, after an error
// too.
func (s *Sockets) Open(c *Connection, open func(socket zmq4.Socket, endpoint string) error) error {
	registerBounded()
	ports := []int{c.Shell, c.IOPub, c.Stdin, c.Control, c.Heartbeat}
	for i, socket := range s.all() {
		small := socket == s.Stdin || socket == s.Heartbeat
		if err := open(socket, roleOf(socket.Type(), small).scheme()+c.Endpoint(ports[i])); err != nil {
			return err
		}
	}
	return nil
}

// Close closes them all.
func (s *Sockets) Close() {
	for _, socket := range s.all() {
		socket.Close()
	}
}

func (s *Sockets) all() []zmq4.Socket {
	return []zmq4.Socket{s.Shell, s.IOPub, s.Stdin, s.Control, s.Heartbeat}
}
