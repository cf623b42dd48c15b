package launcher

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/peer"
)

// A door is a socket that clients outside connect to, and the way to the one
// of the kernel's that it stands for. It has a budget of its own, so that
// clients who fill one channel leave the others alone.
type door struct {
	listener int
	// dial returns a non-blocking socket made inside, which connects to the
	// kernel's; inside is the address to try again, or nil where only dial
	// can (a path means something else out here).
	dial   func() (fd int, err error)
	inside *unix.SockaddrInet4
	cell   *lastCell // watches what the kernel sends; nil for all but iopub

	open     int           // connections
	greeting []*connection // those that have not greeted yet, oldest first
	held     int           // so many of the last of these wait for the kernel to listen
	shut     bool          // no client is accepted
}

const (
	// A client has one connection to each door. A server opens a client for
	// every tab and console with the kernel.
	maxConnections = 64

	// How many of them may be without a greeting, which takes a moment once
	// the kernel listens. The oldest makes room for a newer one.
	maxGreetings = 32

	// How long a greeting may take from when the kernel has the connection.
	// ZeroMQ itself gives up then (ZMQ_HANDSHAKE_IVL).
	greetingTime = 30 * time.Second

	// How often those that are held are tried to be joined.
	firstPause = 2 * time.Millisecond
	lastPause  = 100 * time.Millisecond

	// How long no client is accepted where descriptors have run out, unless a
	// connection ends.
	scarcity = time.Second
)

// accept lets one client in; if more wait, epoll says so again.
func (r *relay) accept(d *door) {
	fd, _, err := unix.Accept4(d.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err == unix.EMFILE || err == unix.ENFILE {
		r.shut(d)
		r.reopen = time.Now().Add(scarcity)
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

	c := newConnection(d, fd)
	c.greeting = true
	d.greeting = append(d.greeting, c)
	d.open++
	r.open++
	if d.held > 0 || !r.join(c) {
		r.hold(c)
	}
	for len(d.greeting) > maxGreetings || d.open > maxConnections {
		r.drop(d.greeting[0]) // never c: the door is shut while all others have greeted
	}
}

// hold keeps a client until the kernel listens, and watches whether it leaves.
func (r *relay) hold(c *connection) {
	if c.door.held++; c.door.held == 1 {
		r.wait(time.Now())
	}
	r.sockets[int32(c.Client.FD)] = c
	c.Client.Await(r.poll, unix.EPOLLRDHUP)
}

// lookAtHeld drops a client that has left without a word. One that has said all
// before it closed its end stays.
func (r *relay) lookAtHeld(c *connection) {
	n, _, err := unix.Recvfrom(c.Client.FD, r.buffer[:1], unix.MSG_PEEK)
	switch {
	case n == 0 && err == nil || err == unix.ECONNRESET:
		r.drop(c)
	case n > 0:
		c.Client.Await(r.poll, 0)
	}
}

// wait sets when to try again for the clients that are held: soon in a kernel's
// first moments, later for one that takes its time or doesn't listen at all.
func (r *relay) wait(now time.Time) {
	pause := now.Sub(r.started) / 64
	r.retry = now.Add(min(max(pause, firstPause), lastPause))
}

// joinHeld tries again for the clients that are held, when it is time. One
// attempt for each door shows whether the kernel listens there.
func (r *relay) joinHeld(now time.Time) {
	if now.Before(r.retry) {
		return
	}
	for _, d := range r.doors {
		for d.held > 0 && r.join(d.greeting[len(d.greeting)-d.held]) {
			d.held--
		}
	}
	r.wait(now)
}

// join connects a client to the kernel, if the kernel listens.
func (r *relay) join(c *connection) bool {
	if !c.connect() {
		return false
	}
	c.joined = time.Now()
	c.SendAtOnce()
	r.sockets[int32(c.Client.FD)], r.sockets[int32(c.Server.FD)] = c, c
	r.settle(c)
	return true
}

// greeted takes note of a client that has spoken and had an answer: ZeroMQ's
// greeting needs both. Looking at the bytes would not help, since a hostile client
// can send what a good one sends.
func (r *relay) greeted(c *connection) {
	d := c.door
	c.greeting = false
	d.greeting = slices.DeleteFunc(d.greeting, func(other *connection) bool { return other == c })
	if d.full() {
		r.shut(d)
	}
}

// full reports whether every connection that the door may have is in use.
func (d *door) full() bool { return d.open-len(d.greeting) >= maxConnections }

// forget takes a connection off the door's account.
func (d *door) forget(c *connection) {
	d.open--
	if i := slices.Index(d.greeting, c); i >= 0 {
		d.greeting = slices.Delete(d.greeting, i, i+1)
		if c.joined.IsZero() {
			d.held--
		}
	}
}

// shut stops accepting at a door; clients wait in the listener's queue.
func (r *relay) shut(d *door) {
	if !d.shut {
		unix.EpollCtl(r.poll, unix.EPOLL_CTL_DEL, d.listener, nil)
	}
	d.shut = true
}

// reopenDoors accepts clients again where there is room.
func (r *relay) reopenDoors() {
	r.reopen = time.Time{}
	for _, d := range r.doors {
		if d.shut && !d.full() && r.ending.IsZero() {
			d.shut = false
			r.watch(d.listener)
		}
	}
}
