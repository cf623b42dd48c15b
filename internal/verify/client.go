package verify

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

// A client is one front end's end of the five sockets.
type client struct {
	protocol.Sockets
	ctx        context.Context
	cancel     context.CancelFunc
	connection *protocol.Connection
	session    string

	replies, inputs, published chan *protocol.Message
	beats                      chan []byte
}

// newClient connects the sockets. It waits for a kernel that isn't listening
// yet. What waits on the client ends with ctx.
func newClient(ctx context.Context, c *protocol.Connection) (*client, error) {
	k := &client{
		ctx: ctx, cancel: func() {}, connection: c, session: protocol.NewSession(),
		replies:   make(chan *protocol.Message, 10),
		inputs:    make(chan *protocol.Message, 10),
		published: make(chan *protocol.Message, 30),
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

	go k.pump(k.Shell, k.replies)
	go k.pump(k.Control, k.replies)
	go k.pump(k.Stdin, k.inputs)
	go k.pump(k.IOPub, k.published)
	return k, nil
}

// Close ends what waits on the sockets, and closes them.
func (k *client) Close() {
	k.cancel()
	k.Sockets.Close()
}

// pump brings the messages of a socket that are whole and signed to a channel.
func (k *client) pump(from zmq4.Socket, to chan<- *protocol.Message) {
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

// send sends a message and returns its identity.
func (k *client) send(to zmq4.Socket, kind string, content map[string]any) (id string, err error) {
	m := protocol.NewMessage(k.session, kind, protocol.Header{}, content)
	frames, err := k.connection.Key.Encode(m)
	if err != nil {
		return "", err
	}
	return m.Header.ID, to.SendMulti(zmq4.NewMsgFrom(frames...))
}

// errSilent is the error of a kernel that doesn't answer in time.
var errSilent = errors.New("no answer")

// within returns a context that ends after patience, or with the client.
func (k *client) within(patience time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(k.ctx, patience)
}

// request sends a message and waits for its answer.
func (k *client) request(to zmq4.Socket, kind string, content map[string]any, patience time.Duration) (*protocol.Message, error) {
	id, err := k.send(to, kind, content)
	if err != nil {
		return nil, err
	}
	return k.reply(id, patience)
}

// reply waits for the answer to the message of this identity.
func (k *client) reply(id string, patience time.Duration) (*protocol.Message, error) {
	ctx, cancel := k.within(patience)
	defer cancel()
	for {
		select {
		case m := <-k.replies:
			if m.Parent.ID == id {
				return m, nil
			}
		case <-ctx.Done():
			return nil, errSilent
		}
	}
}

// late is how long after the end of a cell its output may come: Deno reads what
// a cell has printed from a pipe while it runs the next.
const late = 200 * time.Millisecond

// longestOutput is more than any probe prints, in bytes.
const longestOutput = 1 << 20

// output returns what the cell of this identity prints until the kernel is idle
// again, and a little longer.
func (k *client) output(id string, patience time.Duration) (string, error) {
	ctx, cancel := k.within(patience)
	defer cancel()

	var text bytes.Buffer
	timeout := ctx.Done()
	var over <-chan time.Time
	for {
		if text.Len() > longestOutput {
			return "", errors.New("it prints without end")
		}
		select {
		case m := <-k.published:
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
			return text.String(), errSilent
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

// begun waits until the kernel has taken up the message of this identity.
func (k *client) begun(id string, patience time.Duration) error {
	ctx, cancel := k.within(patience)
	defer cancel()
	for {
		select {
		case m := <-k.published:
			if m.Parent.ID == id {
				return nil
			}
		case <-ctx.Done():
			return errSilent
		}
	}
}

// execution returns the content of a request to run a cell. After an error kernels
// refuse what follows for a moment, but not with stop_on_error off.
func execution(code string, stdin bool) map[string]any {
	return map[string]any{
		"code": code, "silent": false, "store_history": false, "user_expressions": map[string]any{},
		"allow_stdin": stdin, "stop_on_error": false,
	}
}

// run executes a cell and returns what it printed.
func (k *client) run(code string, patience time.Duration) (string, error) {
	id, err := k.send(k.Shell, "execute_request", execution(code, false))
	if err != nil {
		return "", err
	}
	text, err := k.output(id, patience)
	if err != nil {
		return text, err
	}
	_, err = k.reply(id, patience)
	return text, err
}

// beat sends a heartbeat, which must come back as it is.
func (k *client) beat(patience time.Duration) error {
	go func() {
		if err := k.Heartbeat.Send(zmq4.NewMsgString("beat")); err != nil {
			return
		}
		if m, err := k.Heartbeat.Recv(); err == nil {
			k.beats <- m.Bytes()
		}
	}()

	ctx, cancel := k.within(patience)
	defer cancel()
	select {
	case b := <-k.beats:
		if string(b) != "beat" {
			return fmt.Errorf("came back as %q", b)
		}
		return nil
	case <-ctx.Done():
		return errSilent
	}
}
