package network

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/flow"
)

// A loop waits for events of sockets, and handles them, on one thread.
type loop struct {
	poll     int // the epoll instance
	wake     int // an event counter, eventfd(2)
	handlers map[int]func(events uint32)
	later    []task // in no order
	buffer   [64 << 10]byte

	lock   sync.Mutex
	posted []func()
}

// A task is something that is to be done later.
type task struct {
	at time.Time
	do func()
}

func newLoop() (*loop, error) {
	l := &loop{handlers: map[int]func(uint32){}}
	var err error
	if l.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, err
	}
	return l, (&flow.End{FD: l.wake}).Await(l.poll, unix.EPOLLIN)
}

// post has something done by the loop. It is for other goroutines.
func (l *loop) post(do func()) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.posted = append(l.posted, do)
	one := [8]byte{1}
	unix.Write(l.wake, one[:])
}

// after has something done by the loop, but not before a time has passed.
func (l *loop) after(d time.Duration, do func()) {
	l.later = append(l.later, task{time.Now().Add(d), do})
}

// turn waits once, and handles what there is.
func (l *loop) turn() error {
	var events [32]unix.EpollEvent
	n, err := unix.EpollWait(l.poll, events[:], l.timeout())
	if err != nil && err != unix.EINTR {
		return err
	}
	for _, e := range events[:max(n, 0)] {
		if int(e.Fd) == l.wake {
			l.doPosted()
		} else if handle := l.handlers[int(e.Fd)]; handle != nil {
			handle(e.Events)
		}
	}
	l.doLater()
	return nil
}

// timeout returns how long to wait for events, in milliseconds.
func (l *loop) timeout() int {
	if len(l.later) == 0 {
		return -1
	}
	next := l.later[0].at
	for _, t := range l.later {
		if t.at.Before(next) {
			next = t.at
		}
	}
	return int(max(0, time.Until(next)+time.Millisecond-1) / time.Millisecond)
}

func (l *loop) doPosted() {
	var count [8]byte
	unix.Read(l.wake, count[:])
	l.lock.Lock()
	posted := l.posted
	l.posted = nil
	l.lock.Unlock()
	for _, do := range posted {
		do()
	}
}

func (l *loop) doLater() {
	if len(l.later) == 0 {
		return
	}
	now, all := time.Now(), l.later
	l.later = nil
	for _, t := range all {
		if t.at.After(now) {
			l.later = append(l.later, t)
		} else {
			t.do()
		}
	}
}

// A source is a socket from which one thing after the other is taken.
type source struct {
	flow.End
	loop *loop
	take func() bool // reports whether there was something
}

func newSource(l *loop, fd int, take func() bool) *source {
	return &source{End: flow.End{FD: fd}, loop: l, take: take}
}

// begin has one thing taken whenever there is some.
func (s *source) begin() {
	s.loop.handlers[s.FD] = func(uint32) { s.take() }
	s.pause(false)
}

// pause begins or ends a pause.
func (s *source) pause(pause bool) {
	if pause {
		s.Await(s.loop.poll, 0)
	} else {
		s.Await(s.loop.poll, unix.EPOLLIN)
	}
}

// takeAll takes everything that there is.
func (s *source) takeAll() {
	for s.take() {
	}
}

// end closes the socket.
func (s *source) end() {
	s.pause(true)
	delete(s.loop.handlers, s.FD)
	unix.Close(s.FD)
	s.FD, s.take = -1, func() bool { return false }
}
