// Package network is isolate-network: it serves the sockets inside of a sandbox that
// lead to services outside. A program inside connects to a socket that init has made
// and handed out; the connection outside is made here, to the host that the policy has
// named, and the bytes are copied. Nothing that is sent inside chooses a destination.
package network

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/door"
)

// patience is how long the server goes on sending what the program has sent before it
// ended.
const patience = 5 * time.Second

// A server serves the doors of one sandbox.
type server struct {
	teller *teller
	names  *names
	proxy  proxyFunc
	room   chan struct{} // as many as there can be connections
	ended  chan struct{} // closed when the program has ended

	conns sync.WaitGroup // also of what looks at attempts and answers queries
	lock  sync.Mutex
	until []func(time.Time) error // sets until when a socket is read or accepted at
	open  map[*connection]bool
}

// Run serves the doors that args describe, whose sockets are the descriptors from 3
// on, until end has ended. It writes refusals to out, a line each.
func Run(args []string, end io.Reader, out io.Writer) error {
	os.WriteFile("/proc/self/comm", []byte("isolate-network"), 0) // it was started by its descriptor
	s := &server{
		teller: newTeller(out), names: newNames(), proxy: proxyFromEnvironment(), room: make(chan struct{}, mostConnections()),
		ended: make(chan struct{}), open: map[*connection]bool{},
	}
	defer s.teller.finish()
	if err := s.start(args); err != nil {
		return err
	}
	io.Copy(io.Discard, end)
	s.finish()
	return nil
}

// start begins to serve. All names are known before the first is looked up.
func (s *server) start(args []string) error {
	var begin []func()
	fd := 3
	for _, arg := range args {
		d, err := door.Parse(arg)
		if err != nil {
			return fmt.Errorf("%q: %w", arg, err)
		}
		serve, err := s.prepare(d, fd)
		if err != nil {
			return fmt.Errorf("%s: %w", d, err)
		}
		begin = append(begin, serve)
		fd += d.Sockets()
	}
	s.names.listen = s.listen
	for _, serve := range begin {
		serve()
	}
	return nil
}

// prepare returns what serves a door.
func (s *server) prepare(d door.Door, fd int) (serve func(), err error) {
	file := os.NewFile(uintptr(fd), string(d.Kind))
	serve = func() {}
	switch d.Kind {
	case door.ResolverUDP:
		conn, err := net.FilePacketConn(file)
		if err != nil {
			return nil, err
		}
		s.until = append(s.until, conn.SetReadDeadline)
		serve = func() { s.conns.Go(func() { s.answerPackets(conn) }) }
	case door.ResolverTCP:
		l, err := net.FileListener(file)
		if err != nil {
			return nil, err
		}
		serve = func() { go s.answerStreams(l) }
	case door.Watch4, door.Watch6:
		s.until = append(s.until, file.SetReadDeadline)
		return func() { s.conns.Go(func() { s.watch(file, d.Kind) }) }, nil
	case door.Listener:
		s.names.add(d)
		serve, err = s.listener(file, service{d.Host, d.Port, d.Public})
	case door.Below:
		s.names.below = append(s.names.below, service{d.Host, d.Port, true})
		return serve, nil
	case door.Spare:
		for i := range d.Count {
			s.names.spare = append(s.names.spare, fd+i)
		}
		return serve, nil
	}
	file.Close()
	return serve, err
}

// listener returns what accepts at a listening socket.
func (s *server) listener(file *os.File, to service) (func(), error) {
	l, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, errors.New("not a TCP socket")
	}
	s.lock.Lock()
	s.until = append(s.until, tcp.SetDeadline)
	s.lock.Unlock()
	return func() { s.conns.Go(func() { s.accept(tcp, to) }) }, nil
}

// listen begins to serve a socket for a name below a wildcard.
func (s *server) listen(fd int, to service) error {
	file := os.NewFile(uintptr(fd), to.String())
	defer file.Close()
	serve, err := s.listener(file, to)
	if err == nil {
		serve()
	}
	return err
}

// finish takes what waits in the sockets, and returns when everything that the program
// has sent is on its way, or after patience.
func (s *server) finish() {
	close(s.ended)
	s.lock.Lock()
	for _, set := range s.until {
		set(time.Now().Add(20 * time.Millisecond)) // what waits is taken at once
	}
	s.lock.Unlock()
	done := make(chan struct{})
	go func() {
		s.conns.Wait()
		close(done)
	}()

	select {
	case <-done:
	case <-time.After(patience):
		s.lock.Lock()
		defer s.lock.Unlock()
		for c := range s.open {
			s.teller.tell(door.CutOff, c.to.String(), "")
		}
	}
}

// mostConnections returns how many connections there can be at a time: each has two
// sockets, and up to two pipes in which the kernel moves its data.
func mostConnections() int {
	const most, least, each, others = 512, 16, 6, 300
	var files unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) != nil || files.Cur > most*each+others {
		return most
	}
	return max(least, (int(files.Cur)-others)/each)
}
