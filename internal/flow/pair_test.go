package flow

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// serve copies between the two ends that it returns, until the pair is done or broken.
func serve(t *testing.T, splices bool, first string) (client, server *net.TCPConn, over chan struct{}) {
	t.Helper()
	client, near := connected(t)
	server, far := connected(t)
	p := NewPair(near)
	p.Server.FD = far
	p.SendAtOnce()
	p.Resets = true
	if splices {
		pipes := Pipes(2)
		p.Pipes = &pipes
	}
	p.Down.Queue([]byte(first))
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	over = make(chan struct{})
	go func() {
		defer close(over)
		defer unix.Close(poll)
		events, buffer := make([]unix.EpollEvent, 8), make([]byte, 64<<10)
		for !p.Broken() && !(p.Up.Done() && p.Down.Done()) {
			p.Await(poll)
			n, err := unix.EpollWait(poll, events, 10000)
			if n == 0 && err == nil {
				break // nothing has happened for so long that the test has failed
			}
			for _, e := range events[:max(n, 0)] {
				p.Handle(int(e.Fd), e.Events, buffer)
			}
		}
		if p.Broken() {
			p.Reset()
		} else {
			p.Close(buffer)
		}
		if splices && *p.Pipes != 2 {
			t.Errorf("%d pipes are left of 2", *p.Pipes)
		}
	}()
	return client, server, over
}

// connected returns the two ends of a connection, one as the descriptor of a socket that
// doesn't block. Either can be the first.
func connected(t *testing.T) (*net.TCPConn, int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	unix.SetNonblock(fd, true)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn), fd
}

// Every byte arrives, in both directions at a time, in messages and in streams, whole
// buffers and less, read faster than they come and slower; and the end of one direction
// leaves the other open.
func TestEverythingArrives(t *testing.T) {
	for _, splices := range []bool{false, true} {
		client, server, over := serve(t, splices, "first ")
		random := rand.NewChaCha8([32]byte{})
		up, down := make([]byte, 12<<20), make([]byte, 5<<20)
		random.Read(up)
		random.Read(down)

		go send(client, up)
		if got := receive(server); !bytes.Equal(got, up) {
			t.Errorf("splices %v: %d bytes of %d arrive, or others", splices, len(got), len(up))
		}
		go send(server, down) // after the end of the other direction
		if got := receive(client); !bytes.Equal(got, append([]byte("first "), down...)) {
			t.Errorf("splices %v: %d bytes of %d come back, or others", splices, len(got), len(down)+6)
		}
		<-over
	}
}

// send sends pieces of all sizes, with pauses, and ends its direction.
func send(c *net.TCPConn, b []byte) {
	random := rand.New(rand.NewPCG(1, 2))
	for len(b) > 0 {
		n := min(len(b), 1<<random.IntN(22))
		c.Write(b[:n])
		b = b[n:]
		if random.IntN(8) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	c.CloseWrite()
}

// receive reads to the end, with pauses in which the sender has to wait.
func receive(c *net.TCPConn) []byte {
	var all []byte
	random := rand.New(rand.NewPCG(3, 4))
	buffer := make([]byte, 1<<20)
	for {
		n, err := c.Read(buffer[:1+random.IntN(len(buffer))])
		all = append(all, buffer[:n]...)
		if err != nil {
			return all
		}
		if random.IntN(8) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// A receiver that doesn't read stops the sender.
func TestBackpressure(t *testing.T) {
	for _, splices := range []bool{false, true} {
		client, server, over := serve(t, splices, "")
		client.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		sent := 0
		for chunk := make([]byte, 1<<20); ; {
			n, err := client.Write(chunk)
			sent += n
			if err != nil {
				break
			}
			if sent > 64<<20 {
				t.Fatalf("splices %v: %d bytes are taken from a sender whose receiver doesn't read", splices, sent)
			}
		}
		client.CloseWrite()
		server.CloseWrite()
		if got := receive(server); len(got) != sent {
			t.Errorf("splices %v: %d bytes arrive of %d", splices, len(got), sent)
		}
		<-over
	}
}

// A connection that is reset resets the other, whichever it is and also while it waits
// for its receiver.
func TestReset(t *testing.T) {
	for _, splices := range []bool{false, true} {
		for _, full := range []bool{false, true} {
			client, server, over := serve(t, splices, "")
			if full {
				client.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
				for chunk := make([]byte, 1<<20); ; {
					if _, err := client.Write(chunk); err != nil {
						break
					}
				}
			}
			server.SetLinger(0)
			server.Close()
			if _, err := io.ReadAll(client); !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("splices %v, full %v: the client sees %v", splices, full, err)
			}
			<-over
		}
	}
}
