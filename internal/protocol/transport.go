package protocol

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/transport"

	"isolate-namespace/internal/peer"
)

// scheme returns the name of the transport for sockets of this role.
func (r *role) scheme() string { return "bounded-" + r.name + "-" }

// registerBounded makes the library know the transports. It keeps the first of
// a name, and a second one is the same.
func registerBounded() {
	for _, r := range []*role{requestRole, smallRole, publishRole, dealerRole, subscribeRole, reqRole} {
		_ = zmq4.RegisterTransport(r.scheme()+"tcp", bounded{transport.New("tcp"), "tcp4", r})
		_ = zmq4.RegisterTransport(r.scheme()+"ipc", bounded{transport.New("unix"), "unix", r})
	}
}

// A bounded is a transport of bounded connections.
type bounded struct {
	transport.Transport
	network string
	role    *role
}

func (b bounded) Dial(ctx context.Context, dialer transport.Dialer, addr string) (net.Conn, error) {
	conn, err := b.Transport.Dial(ctx, dialer, addr)
	if err != nil {
		return nil, err
	}
	return newDialled(conn, b.role), nil
}

func (b bounded) Listen(ctx context.Context, addr string) (net.Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // a connection of several paths has more ends than one
	l, err := config.Listen(ctx, b.network, addr)
	if err != nil {
		return nil, err
	}
	return newListener(l, b.role, (&doorkeeper{refused: refusal(ctx)}).admit), nil
}

// refusalKey is where a context has a function for the errors of refused clients.
type refusalKey struct{}

// WithRefusal returns a context for sockets that call tell with the reason why
// they refused a client. It may be called several times at once.
func WithRefusal(ctx context.Context, tell func(error)) context.Context {
	return context.WithValue(ctx, refusalKey{}, tell)
}

func refusal(ctx context.Context) func(error) {
	if tell, ok := ctx.Value(refusalKey{}).(func(error)); ok {
		return tell
	}
	return func(error) {}
}

// A doorkeeper lets in who may connect.
type doorkeeper struct {
	guard   peer.Guard
	refused func(error)
}

func (d *doorkeeper) admit(conn net.Conn) bool {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	var verdict error
	if raw.Control(func(fd uintptr) { verdict = d.guard.Admit(int(fd)) }) != nil {
		return false // it has been closed
	}
	if verdict != nil && verdict != peer.ErrGone {
		d.refused(verdict)
	}
	return verdict == nil
}

const (
	// maxConnections and maxGreetings are the launcher's.
	maxConnections = 64
	maxGreetings   = 32

	// scarcity is how long no client is accepted after an error, such as that
	// there are no descriptors left.
	scarcity = 100 * time.Millisecond
)

// A listener gives the library clients that have greeted. It takes them up one
// after the other, and would wait for each.
type listener struct {
	net.Listener
	role   *role
	admit  func(net.Conn) bool
	ready  chan *boundedConn
	closed chan struct{}
	once   sync.Once

	mu       sync.Mutex
	open     int
	greeting []*boundedConn // those of them who haven't greeted, oldest first
}

func newListener(l net.Listener, r *role, admit func(net.Conn) bool) *listener {
	own := &listener{Listener: l, role: r, admit: admit, ready: make(chan *boundedConn), closed: make(chan struct{})}
	go own.run()
	return own
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.ready:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// run accepts clients until the listener is closed.
func (l *listener) run() {
	for {
		conn, err := l.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(scarcity)
		case !l.admit(conn):
			conn.Close()
		default:
			l.receive(conn)
		}
	}
}

// receive takes a client up, if there is room. One without a greeting makes
// room for it.
func (l *listener) receive(conn net.Conn) {
	c := &boundedConn{Conn: conn, frames: frameFollower{role: l.role}}
	c.onClose = func() { l.forget(c) }

	l.mu.Lock()
	if l.open-len(l.greeting) >= maxConnections {
		l.mu.Unlock()
		conn.Close()
		return
	}
	l.open++
	l.greeting = append(l.greeting, c)
	var oldest *boundedConn
	if len(l.greeting) > maxGreetings || l.open > maxConnections {
		oldest = l.greeting[0]
	}
	l.mu.Unlock()

	if oldest != nil {
		oldest.Close()
	}
	go l.introduce(c)
}

// introduce hands a client over once it has greeted.
func (l *listener) introduce(c *boundedConn) {
	if c.shakeHands() != nil {
		c.Close()
		return
	}
	l.mu.Lock()
	l.greeting = slices.DeleteFunc(l.greeting, func(other *boundedConn) bool { return other == c })
	l.mu.Unlock()
	select {
	case l.ready <- c:
	case <-l.closed:
		c.Close()
	}
}

func (l *listener) forget(c *boundedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	l.greeting = slices.DeleteFunc(l.greeting, func(other *boundedConn) bool { return other == c })
}
