// Package network is isolate-network: it serves the sockets inside of a sandbox that
// lead to services outside. A program inside connects to a socket that init has made
// and handed out; the connection outside is made here, to the host that the policy has
// named, and the bytes are copied. Nothing that is sent inside chooses a destination.
//
// All of it happens on one thread (loop.go), but for what may wait: looking up a name
// and connecting to its address.
package network

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/door"
	"isolate-namespace/internal/flow"
)

// patience is how long the server goes on sending what the program has sent before it
// ended.
const patience = 5 * time.Second

// A server serves the doors of one sandbox.
type server struct {
	*loop
	teller *teller
	names  *names
	proxy  proxyFunc

	sources   []*source // of queries and attempts
	listeners []*source
	streams   []*stream // of queries
	open      map[*connection]bool
	most      int // how many of them there can be
	pipes     flow.Pipes
	full      bool // nothing is accepted, and something waits
	ended     bool // the program has ended
}

// Run serves the doors that args describe, whose sockets are the descriptors from 3
// on, until end has ended. It writes refusals to out, a line each.
func Run(args []string, end io.Reader, out io.Writer) error {
	os.WriteFile("/proc/self/comm", []byte("isolate-network"), 0) // it was started by its descriptor
	runtime.LockOSThread()
	doors, err := parse(args)
	if err != nil {
		return err
	}
	loop, err := newLoop()
	if err != nil {
		return err
	}
	s := &server{loop: loop, teller: newTeller(out), names: newNames(), proxy: proxyFromEnvironment(), open: map[*connection]bool{}, most: mostConnections(), pipes: mostPipes}
	defer s.teller.finish()
	s.start(doors)
	go func() {
		io.Copy(io.Discard, end)
		s.post(s.finish)
	}()
	return s.serve()
}

// parse reads the doors, and leaves this process their sockets and its standard streams
// alone.
func parse(args []string) (doors []door.Door, err error) {
	sockets := 0
	for _, arg := range args {
		d, err := door.Parse(arg)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", arg, err)
		}
		sockets += d.Sockets()
		doors = append(doors, d)
	}
	return doors, closeInherited(firstSocket + sockets)
}

const firstSocket = 3

// start begins to serve. All names are known before the first is looked up.
func (s *server) start(doors []door.Door) {
	fd := firstSocket
	for _, d := range doors {
		s.prepare(d, fd)
		fd += d.Sockets()
	}
	s.names.listen = func(fd int, to service) {
		l := s.listen(fd, to, false)
		l.begin()
		l.pause(s.full)
	}
	for _, source := range append(s.sources, s.listeners...) {
		source.begin()
	}
}

// prepare takes a door's sockets.
func (s *server) prepare(d door.Door, fd int) {
	switch d.Kind {
	case door.ResolverUDP:
		s.source(fd, func() bool { return s.answerPacket(fd) })
	case door.ResolverTCP:
		s.source(fd, func() bool { return s.acceptStream(fd) })
	case door.Watch4, door.Watch6:
		var w *source
		w = s.source(fd, func() bool { return s.takeAttempt(w, d.Kind) })
	case door.Listener:
		s.names.add(d)
		s.listen(fd, service{d.Host, d.Port, d.Public}, !d.Address.Is4())
	case door.Below:
		s.names.below = append(s.names.below, service{d.Host, d.Port, true})
	case door.Spare:
		for i := range d.Count {
			s.names.spare = append(s.names.spare, fd+i)
		}
	}
}

func (s *server) source(fd int, take func() bool) *source {
	one := newSource(s.loop, fd, take)
	s.sources = append(s.sources, one)
	return one
}

// listen takes a listening socket.
func (s *server) listen(fd int, to service, six bool) *source {
	l := newSource(s.loop, fd, func() bool { return s.accept(fd, to, six) })
	s.listeners = append(s.listeners, l)
	return l
}

// serve returns after the program's end, when everything that it has sent is on its way,
// or after patience.
func (s *server) serve() error {
	for !s.ended {
		if err := s.turn(); err != nil {
			return err
		}
	}
	over := false
	s.after(patience, func() { over = true })
	for (len(s.open) > 0 || s.full) && !over {
		if err := s.turn(); err != nil {
			return err
		}
	}
	for c := range s.open {
		s.teller.tell(door.CutOff, c.to.String(), "")
	}
	return nil
}

// finish is for the program's end: it takes what waits in the sockets, of which there
// will be no more. From now on nobody waits for an answer.
func (s *server) finish() {
	s.ended = true
	for _, source := range s.sources {
		source.takeAll()
	}
	for _, stream := range slices.Clone(s.streams) {
		stream.takeAll()
	}
	s.acceptAll()
	for c := range s.open {
		s.settle(c)
	}
}

const mostPipes = 16

// mostConnections returns how many connections there can be at a time: each has two
// sockets, and one more while it is made.
func mostConnections() int {
	const most, least, each, others = 512, 16, 3, 300 + 2*mostPipes
	var files unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) != nil || files.Cur > most*each+others {
		return most
	}
	return max(least, (int(files.Cur)-others)/each)
}
