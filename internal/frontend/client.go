// Package frontend plays a front end's part: it starts a kernel as Jupyter does
// (process.go) and speaks Jupyter's protocol with it (client.go).
package frontend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/go-zeromq/zmq4"

	"isolate-namespace/internal/protocol"
)

// A Client is one front end's end of the five sockets.
type Client struct {
	protocol.Sockets
	ctx        context.Context
	cancel     context.CancelFunc
	connection *protocol.Connection
	session    string

	Replies           chan *protocol.Message // from Shell and Control
	Inputs, Published chan *protocol.Message // what the kernel asks for, and what it publishes
	beats             chan []byte
}

// newClient connects the sockets. It waits for a kernel that isn't listening
// yet. What waits on the client ends with ctx.
func newClient(ctx context.Context, c *protocol.Connection) (*Client, error) {
	k := &Client{
		ctx: ctx, cancel: func() {}, connection: c, session: protocol.NewSession(),
		Replies:   make(chan *protocol.Message, 10),
		Inputs:    make(chan *protocol.Message, 10),
		Published: make(chan *protocol.Message, 30),
		beats:     make(chan []byte, 10),
	}

	options := []zmq4.Option{
		zmq4.WithLogger(log.New(io.Discard, "", 0)),
		zmq4.WithDialerRetry(100 * time.Millisecond), zmq4.WithDialerMaxRetries(300),
	}
	k.IOPub, k.Heartbeat = zmq4.NewSub(ctx, options...), zmq4.NewReq(ctx, options...)
	named := append(options, zmq4.WithID(zmq4.SocketIdentity(k.session)))
	k.Shell, k.Control, k.Stdin = zmq4.NewDealer(ctx, named...), zmq4.NewDealer(ctx, named...), zmq4.NewDealer(ctx, named...)

	if err := k.Open(c, zmq4.Socket.Dial); err != nil {
		k.Close()
		return nil, err
	}
	if err := k.IOPub.SetOption(zmq4.OptionSubscribe, ""); err != nil {
		k.Close()
		return nil, err
	}

	go k.pump(k.Shell, k.Replies)
	go k.pump(k.Control, k.Replies)
	go k.pump(k.Stdin, k.Inputs)
	go k.pump(k.IOPub, k.Published)
	return k, nil
}

// Close ends what waits on the sockets, and closes them.
func (k *Client) Close() {
	k.cancel()
	k.Sockets.Close()
}

// pump brings the messages of a socket that are whole and signed to a channel.
func (k *Client) pump(from zmq4.Socket, to chan<- *protocol.Message) {
	for {
		raw, err := from.Recv()
		if err != nil {
			return
		}
		m, _, err := k.connection.Key.Decode(raw.Frames)
		if err != nil {
			continue
		}

		select {
		case to <- m:
		case <-k.ctx.Done():
			return
		}
	}
}

// Send sends a message and returns its identity.
func (k *Client) Send(to zmq4.Socket, kind string, content map[string]any) (id string, err error) {
	m := protocol.NewMessage(k.session, kind, protocol.Header{}, content)
	frames, err := k.connection.Key.Encode(m)
	if err != nil {
		return "", err
	}
	return m.Header.ID, to.SendMulti(zmq4.NewMsgFrom(frames...))
}

// ErrSilent is the error of a kernel that doesn't answer in time.
var ErrSilent = errors.New("no answer")

// Within returns a context that ends after patience, or with the client.
func (k *Client) Within(patience time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(k.ctx, patience)
}

// request sends a message and waits for its answer.
func (k *Client) request(to zmq4.Socket, kind string, content map[string]any, patience time.Duration) (*protocol.Message, error) {
	id, err := k.Send(to, kind, content)
	if err != nil {
		return nil, err
	}
	return k.Reply(id, patience)
}

// Reply waits for the answer to the message of this identity.
func (k *Client) Reply(id string, patience time.Duration) (*protocol.Message, error) {
	ctx, cancel := k.Within(patience)
	defer cancel()
	for {
		select {
		case m := <-k.Replies:
			if m.Parent.ID == id {
				return m, nil
			}
		case <-ctx.Done():
			return nil, ErrSilent
		}
	}
}

// late is how long after the end of a cell its output may come: Deno reads what
// a cell has printed from a pipe while it runs the next.
const late = 200 * time.Millisecond

// longestOutput is more than any probe prints, in bytes.
const longestOutput = 1 << 20

// Output returns what the cell of this identity prints until the kernel is idle
// again, and a little longer.
func (k *Client) Output(id string, patience time.Duration) (string, error) {
	ctx, cancel := k.Within(patience)
	defer cancel()

	var text bytes.Buffer
	timeout := ctx.Done()
	var over <-chan time.Time
	for {
		if text.Len() > longestOutput {
			return "", errors.New("it prints without end")
		}
		select {
		case m := <-k.Published:
			if m.Parent.ID != id {
				continue
			}
			text.WriteString(printed(m))
			if m.Header.Type == "status" && m.Content["execution_state"] == "idle" {
				timeout, over = nil, time.After(late)
			}
		case <-over:
			return text.String(), nil
		case <-timeout:
			return text.String(), ErrSilent
		}
	}
}

// printed returns what a person sees of a published message.
func printed(m *protocol.Message) string {
	switch m.Header.Type {
	case "stream", "error":
		text, _ := m.Content["text"].(string)
		fault, _ := m.Content["evalue"].(string)
		return text + fault
	case "execute_result", "display_data":
		data, _ := m.Content["data"].(map[string]any)
		text, _ := data["text/plain"].(string)
		return text
	}
	return ""
}

// Begun waits until the kernel has taken up the message of this identity.
func (k *Client) Begun(id string, patience time.Duration) error {
	ctx, cancel := k.Within(patience)
	defer cancel()
	for {
		select {
		case m := <-k.Published:
			if m.Parent.ID == id {
				return nil
			}
		case <-ctx.Done():
			return ErrSilent
		}
	}
}

// Execution returns the content of a request to run a cell. After an error kernels
// refuse what follows for a moment, but not with stop_on_error off.
func Execution(code string, stdin bool) map[string]any {
	return map[string]any{
		"code": code, "silent": false, "store_history": false, "user_expressions": map[string]any{},
		"allow_stdin": stdin, "stop_on_error": false,
	}
}

// Run executes a cell and returns what it printed.
func (k *Client) Run(code string, patience time.Duration) (string, error) {
	id, err := k.Send(k.Shell, "execute_request", Execution(code, false))
	if err != nil {
		return "", err
	}
	text, err := k.Output(id, patience)
	if err != nil {
		return text, err
	}
	_, err = k.Reply(id, patience)
	return text, err
}

// Beat sends a heartbeat, which must come back as it is.
func (k *Client) Beat(patience time.Duration) error {
	go func() {
		if err := k.Heartbeat.Send(zmq4.NewMsgString("beat")); err != nil {
			return
		}
		if m, err := k.Heartbeat.Recv(); err == nil {
			k.beats <- m.Bytes()
		}
	}()

	ctx, cancel := k.Within(patience)
	defer cancel()
	select {
	case b := <-k.beats:
		if string(b) != "beat" {
			return fmt.Errorf("came back as %q", b)
		}
		return nil
	case <-ctx.Done():
		return ErrSilent
	}
}
