// Package errorkernel answers a front end in place of a kernel that has no
// sandbox: it speaks Jupyter's protocol, runs nothing, and answers each cell
// with an error that says why, and what to do about it.
//
// It is for notebooks that a person looks at. The launcher decides that, and
// never starts it for a program that runs notebooks (launcher/interactive.go).
package errorkernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/go-zeromq/zmq4"
	"golang.org/x/sys/unix"

	"isolate-namespace/internal/protocol"
)

// sockets are a kernel's ends of the five channels.
type sockets struct {
	protocol.Sockets
	key protocol.Key
}

// listen opens the channels of the connection file. It returns an error for what
// isn't supported, such as encrypted messages.
func listen(ctx context.Context, c *protocol.Connection) (*sockets, error) {
	switch {
	case c.CurveKey != "":
		return nil, errors.New("encrypted channels (CurveZMQ) are not supported")
	case c.Scheme != "" && c.Scheme != "hmac-sha256":
		return nil, fmt.Errorf("messages signed with %.40q are not supported", c.Scheme)
	}
	quiet := zmq4.WithLogger(log.New(io.Discard, "", 0))
	s := &sockets{key: c.Key, Sockets: protocol.Sockets{
		Shell: zmq4.NewRouter(ctx, quiet), Control: zmq4.NewRouter(ctx, quiet), Stdin: zmq4.NewRouter(ctx, quiet),
		IOPub: zmq4.NewXPub(ctx, quiet), Heartbeat: zmq4.NewRouter(ctx, quiet),
	}}
	defer unix.Umask(unix.Umask(0o177)) // sockets that are files are the user's own
	if err := s.Open(c, zmq4.Socket.Listen); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// send sends a message to a socket; to holds the identities of its receivers, or
// its topic.
func (s *sockets) send(socket zmq4.Socket, to [][]byte, m *protocol.Message) error {
	frames, err := s.key.Encode(m)
	if err != nil {
		return err
	}
	return socket.SendMulti(zmq4.NewMsgFrom(append(to[:len(to):len(to)], frames...)...))
}

// publish sends a message to all clients.
func (s *sockets) publish(session, kind string, parent protocol.Header, content map[string]any) error {
	return s.send(s.IOPub, [][]byte{[]byte(kind)}, protocol.NewMessage(session, kind, parent, content))
}

// echo sends heartbeats back until the socket is closed.
func echo(heartbeat zmq4.Socket) {
	for {
		m, err := heartbeat.Recv()
		if err != nil {
			return
		}
		heartbeat.SendMulti(m) // the error is of a client that is gone
	}
}

// discard reads a socket until it is closed, and ignores what it reads: the end
// of a connection is only seen by reading.
func discard(socket zmq4.Socket) {
	for {
		if _, err := socket.Recv(); err != nil {
			return
		}
	}
}

// A request is a message and the way back.
type request struct {
	*protocol.Message
	socket zmq4.Socket
	from   [][]byte
}

// receive sends the signed messages of a socket to requests, until the socket is
// closed.
func (s *sockets) receive(ctx context.Context, socket zmq4.Socket, requests chan<- request) {
	for {
		raw, err := socket.Recv()
		if err != nil {
			return
		}
		m, from, err := s.key.Decode(raw.Frames)
		if err != nil {
			continue
		}
		select {
		case requests <- request{m, socket, from}:
		case <-ctx.Done():
			return
		}
	}
}

// Serve answers the front end until it asks for a shutdown, or ctx is done.
// language is the kernel's language_info.
func Serve(ctx context.Context, c *protocol.Connection, why Reason, language func() map[string]any) (asked bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := listen(ctx, c)
	if err != nil {
		return false, err
	}
	defer s.Close()

	requests := make(chan request)
	go echo(s.Heartbeat)
	go discard(s.Stdin)
	go s.receive(ctx, s.Shell, requests)
	go s.receive(ctx, s.Control, requests)
	k := &kernel{sockets: s, session: protocol.NewSession(), why: why, language: language}
	for {
		select {
		case r := <-requests:
			if k.answer(r); r.Header.Type == "shutdown_request" {
				return true, nil
			}
		case <-ctx.Done():
			return false, nil
		}
	}
}

// A kernel answers every request with why it can do nothing.
type kernel struct {
	*sockets
	session  string
	why      Reason
	language func() map[string]any
	count    int // of the cells
}

// answer handles a request as kernels do: it publishes that it is busy, replies,
// and publishes that it is idle. It ignores that a front end may be gone.
func (k *kernel) answer(r request) {
	k.publish(k.session, "status", r.Header, map[string]any{"execution_state": "busy"})
	if kind, asked := strings.CutSuffix(r.Header.Type, "_request"); asked {
		content := k.reply(r)
		k.send(r.socket, r.from, protocol.NewMessage(k.session, kind+"_reply", r.Header, content))
	}
	k.publish(k.session, "status", r.Header, map[string]any{"execution_state": "idle"})
}
