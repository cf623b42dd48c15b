package launcher

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/peer"
)

// A relay joins clients outside with the kernel's sockets inside, byte for
// byte; what the bytes mean is theirs. All of it happens on one thread that
// waits in epoll(7): a message costs one wait, one read and one write, and no
// hand-over between threads. Its memory is bounded, since it reads from one
// side only what the other side has taken, but for one buffer's worth.
//
// A client that comes before the kernel listens is held: accepted, and not
// read from, until the kernel's port opens. A refusal would cost it its
// reconnect timer.
type relay struct {
	poll    int // the epoll instance
	stop    int // an event counter that ends the loop, eventfd(2)
	doors   []*door
	guard   peer.Guard
	refuse  func(error) // tells why a client was refused; called once
	refused bool
	sockets map[int32]*socket
	held    []*connection
	pause   time.Duration // between two tries to join those that are held
	retry   time.Time     // when the next one is due
	open    int           // connections, held ones included
	full    bool          // the doors are closed until a connection ends
	ending  time.Time     // when the loop gives up on slow clients; zero before finish
	ended   chan struct{}
	buffer  [bufferSize]byte
}

const (
	bufferSize     = 64 << 10
	maxConnections = 256 // Jupyter's clients have five each

	firstPause = time.Millisecond
	lastPause  = 8 * time.Millisecond

	// How long clients that don't read keep the launcher alive after the
	// kernel's end.
	patience = 300 * time.Millisecond
)

// A door is a socket that clients outside connect to, and the way to the one
// of the kernel's that it stands for.
type door struct {
	listener int
	// dial returns a non-blocking socket made inside, which connects to the
	// kernel's; inside is the address to try again, or nil where only dial
	// can (a path means something else out here).
	dial   func() (fd int, err error)
	inside *unix.SockaddrInet4
	cell   *lastCell // watches what the kernel sends; nil for all but iopub
}

// A connection is one client's, and its counterpart inside.
type connection struct {
	door          *door
	client, inner socket
	toKernel      flow
	toClient      flow
}

// A socket is one end of a connection.
type socket struct {
	fd       int // -1: none
	in, out  *flow
	interest uint32 // what epoll reports of it
}

// startRelay begins to serve the doors. It takes over their listeners. If it
// refuses clients, it calls refuse with the reason for the first, in a
// goroutine.
func startRelay(doors []*door, refuse func(error)) (*relay, error) {
	r := &relay{doors: doors, refuse: refuse, sockets: map[int32]*socket{}, ended: make(chan struct{})}
	var err error
	if r.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if r.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err == nil {
		err = r.watch(r.stop)
	}
	for _, d := range doors {
		if err == nil {
			err = r.watch(d.listener)
		}
	}
	if err != nil {
		return nil, err
	}
	go r.run()
	return r, nil
}

// finish returns when everything that the kernel has sent is with its clients.
// It is called after the kernel's end.
func (r *relay) finish() {
	one := [8]byte{1}
	unix.Write(r.stop, one[:])
	<-r.ended
	unix.Close(r.stop)
	unix.Close(r.poll)
	r.guard.Close()
}

func (r *relay) run() {
	runtime.LockOSThread()
	defer close(r.ended)
	events := make([]unix.EpollEvent, 32)
	for r.ending.IsZero() || r.open > 0 && time.Now().Before(r.ending) {
		n, err := unix.EpollWait(r.poll, events, r.timeout())
		if err != nil && err != unix.EINTR {
			return // the instance itself is broken: the clients see their connections end
		}
		for _, e := range events[:max(n, 0)] {
			r.handle(e)
		}
		r.joinHeld()
	}
}

// timeout is how long to wait for events, in milliseconds.
func (r *relay) timeout() int {
	switch {
	case !r.ending.IsZero():
		return max(0, int(time.Until(r.ending).Milliseconds()))
	case len(r.held) > 0:
		return int(max(0, time.Until(r.retry)+time.Millisecond-1) / time.Millisecond)
	}
	return -1
}

func (r *relay) handle(e unix.EpollEvent) {
	if s := r.sockets[e.Fd]; s != nil {
		if e.Events&unix.EPOLLOUT != 0 {
			s.out.flush()
		}
		if e.Events&^unix.EPOLLOUT != 0 {
			s.in.pump(r.buffer[:])
		}
		r.settle(s.in.conn)
		return
	}
	if int(e.Fd) == r.stop {
		r.lastCall()
		return
	}
	for _, d := range r.doors {
		if int(e.Fd) == d.listener {
			r.accept(d)
		}
	}
}

// accept lets one client in; if more wait, epoll says so again.
func (r *relay) accept(d *door) {
	fd, _, err := unix.Accept4(d.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err == unix.EMFILE || err == unix.ENFILE || r.open == maxConnections-1 {
		r.close()
	}
	if err != nil {
		return
	}
	if err := r.guard.Admit(fd); err != nil {
		unix.Close(fd)
		if err != peer.ErrGone && !r.refused {
			r.refused = true
			go r.refuse(err) // which may wait for whoever reads our errors
		}
		return
	}

	r.open++
	c := newConnection(d, fd)
	if !r.join(c) {
		if len(r.held) == 0 {
			r.wait(firstPause)
		}
		r.held = append(r.held, c)
	}
}

// wait sets when to try again for the clients that are held.
func (r *relay) wait(pause time.Duration) {
	r.pause = min(pause, lastPause)
	r.retry = time.Now().Add(r.pause)
}

// join connects a client to the kernel, if the kernel listens.
func (r *relay) join(c *connection) bool {
	if !c.connect() {
		return false
	}
	for _, s := range []*socket{&c.client, &c.inner} {
		// A message is written in one piece; waiting for more of it, as TCP
		// does, would only delay it.
		unix.SetsockoptInt(s.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		r.sockets[int32(s.fd)] = s
	}
	r.settle(c)
	return true
}

// joinHeld tries again for the clients that are held, when it is time.
func (r *relay) joinHeld() {
	if len(r.held) == 0 || time.Now().Before(r.retry) {
		return
	}
	kept := r.held[:0]
	for _, c := range r.held {
		switch {
		case c.client.gone(r.buffer[:]):
			r.drop(c)
		case !r.join(c):
			kept = append(kept, c)
		}
	}
	r.held = kept
	r.wait(2 * r.pause)
}

// settle makes epoll report what c waits for now, or ends c.
func (r *relay) settle(c *connection) {
	if c.toClient.done && (c.toKernel.done || !r.ending.IsZero()) {
		r.drop(c)
		return
	}
	r.setInterest(&c.client)
	r.setInterest(&c.inner)
}

// setInterest takes a socket that waits for nothing out of epoll, which
// reports the end of a connection whether asked to or not.
func (r *relay) setInterest(s *socket) {
	want := uint32(0)
	if s.in.reading() {
		want |= unix.EPOLLIN
	}
	if s.out.writing() {
		want |= unix.EPOLLOUT
	}
	if want == s.interest {
		return
	}
	op := unix.EPOLL_CTL_MOD
	switch {
	case s.interest == 0:
		op = unix.EPOLL_CTL_ADD
	case want == 0:
		op = unix.EPOLL_CTL_DEL
	}
	unix.EpollCtl(r.poll, op, s.fd, &unix.EpollEvent{Events: want, Fd: int32(s.fd)})
	s.interest = want
}

func (r *relay) drop(c *connection) {
	for _, s := range []*socket{&c.client, &c.inner} {
		delete(r.sockets, int32(s.fd))
		s.close(r.buffer[:])
	}
	r.open--
	if r.full && r.ending.IsZero() {
		r.full = false
		for _, d := range r.doors {
			r.watch(d.listener)
		}
	}
}

// close stops accepting; clients wait in the listeners' queues.
func (r *relay) close() {
	if r.full {
		return
	}
	r.full = true
	for _, d := range r.doors {
		unix.EpollCtl(r.poll, unix.EPOLL_CTL_DEL, d.listener, nil)
	}
}

// lastCall is the kernel's end: no new client, and no longer one than it has
// something to get.
func (r *relay) lastCall() {
	r.close()
	unix.EpollCtl(r.poll, unix.EPOLL_CTL_DEL, r.stop, nil)
	r.ending = time.Now().Add(patience)
	for _, c := range r.held {
		r.drop(c)
	}
	r.held = nil
	for _, s := range r.sockets {
		if s == &s.in.conn.client {
			r.settle(s.in.conn)
		}
	}
}

func (r *relay) watch(fd int) error {
	return unix.EpollCtl(r.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}
