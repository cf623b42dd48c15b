package launcher

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/peer"
)

// A relay copies bytes between clients outside and the kernel's sockets inside,
// without looking at them, all on one thread (package flow). Its memory is bounded:
// each door has a limit of connections (door.go).
//
// A client that comes before the kernel listens is held: accepted, and not read
// from until the kernel's port opens. If it were refused it would wait for its
// reconnect timer.
type relay struct {
	poll    int // the epoll instance
	stop    int // an event counter that ends the loop, eventfd(2)
	doors   []*door
	guard   peer.Guard
	refuse  func(error) // is told why a client was refused; called once
	refused bool
	sockets map[int32]*connection
	started time.Time
	retry   time.Time // when to try again to connect held clients to the kernel
	reopen  time.Time // when to accept again after descriptors ran out; zero if they haven't
	open    int       // number of connections
	ending  time.Time // when the loop stops waiting for slow clients; zero before finish
	ended   chan struct{}
	buffer  [bufferSize]byte

	greetingTime time.Duration
}

const (
	bufferSize = 64 << 10

	// How long clients that don't read keep the launcher alive after the
	// kernel's end.
	patience = 300 * time.Millisecond
)

// startRelay begins to serve the doors. It takes over their listeners. If it
// refuses clients, it calls refuse with the reason for the first, in a
// goroutine.
func startRelay(doors []*door, refuse func(error)) (*relay, error) {
	r, err := newRelay(doors, refuse)
	if err != nil {
		return nil, err
	}
	go r.run()
	return r, nil
}

func newRelay(doors []*door, refuse func(error)) (*relay, error) {
	r := &relay{
		doors: doors, refuse: refuse, sockets: map[int32]*connection{}, started: time.Now(), ended: make(chan struct{}),
		greetingTime: greetingTime,
	}
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
	return r, nil
}

// finish is called after the kernel has ended. It returns when the clients have
// received everything that the kernel sent, or after patience.
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
			return // the epoll instance is broken: the clients see their connections end
		}
		for _, e := range events[:max(n, 0)] {
			r.handle(e)
		}
		r.keepTime()
	}
}

// timeout returns how long to wait for events, in milliseconds.
func (r *relay) timeout() int {
	next := r.due()
	if next.IsZero() {
		return -1
	}
	return int(max(0, time.Until(next)+time.Millisecond-1) / time.Millisecond)
}

// due returns when there is something to do without an event, or zero.
func (r *relay) due() (next time.Time) {
	if !r.ending.IsZero() {
		return r.ending
	}
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, d := range r.doors {
		if d.held > 0 {
			sooner(r.retry)
		}
		if d.held < len(d.greeting) {
			sooner(d.greeting[0].joined.Add(r.greetingTime))
		}
	}

	if !r.reopen.IsZero() {
		sooner(r.reopen)
	}
	return next
}

// keepTime does what is due: it connects held clients, and drops those whose
// greeting takes too long.
func (r *relay) keepTime() {
	next := r.due()
	if next.IsZero() || !r.ending.IsZero() || time.Now().Before(next) {
		return
	}
	now := time.Now()
	r.joinHeld(now)
	for _, d := range r.doors {
		for d.held < len(d.greeting) && now.Sub(d.greeting[0].joined) >= r.greetingTime {
			r.drop(d.greeting[0])
		}
	}
	if !r.reopen.IsZero() && !now.Before(r.reopen) {
		r.reopenDoors()
	}
}

func (r *relay) handle(e unix.EpollEvent) {
	if c := r.sockets[e.Fd]; c != nil {
		if c.joined.IsZero() {
			r.lookAtHeld(c)
			return
		}
		c.Handle(int(e.Fd), e.Events, r.buffer[:])
		r.settle(c)
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

// settle makes epoll report what c waits for now, or drops c if it is done.
func (r *relay) settle(c *connection) {
	if c.Down.Done() && (c.Up.Done() || !r.ending.IsZero()) {
		r.drop(c)
		return
	}
	if c.greeting && c.Up.Moved() && c.Down.Moved() {
		r.greeted(c)
	}
	c.Await(r.poll)
}

func (r *relay) drop(c *connection) {
	delete(r.sockets, int32(c.Client.FD))
	delete(r.sockets, int32(c.Server.FD))
	c.Close(r.buffer[:])
	c.door.forget(c)
	r.open--
	r.reopenDoors()
}

// lastCall runs when the kernel has ended: it accepts no more clients, and
// drops each one once it has received everything.
func (r *relay) lastCall() {
	for _, d := range r.doors {
		r.shut(d)
	}
	unix.EpollCtl(r.poll, unix.EPOLL_CTL_DEL, r.stop, nil)
	r.ending = time.Now().Add(patience)
	for _, d := range r.doors {
		for d.held > 0 {
			r.drop(d.greeting[len(d.greeting)-1])
		}
	}
	for fd, c := range r.sockets {
		if int(fd) == c.Client.FD {
			r.settle(c)
		}
	}
}

func (r *relay) watch(fd int) error {
	return unix.EpollCtl(r.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}
