package launcher

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A bench is a relay with doors between sockets of this process.
type bench struct {
	testing.TB
	relay   *relay
	outside string // where clients connect to: the first door
	inside  string // where the kernel is to listen, for every door

	greetingTime time.Duration // in place of the usual one
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{TB: t, greetingTime: greetingTime}
	b.serve(b.door())
	return b
}

// door returns a door to the place inside.
func (b *bench) door() *door {
	b.Helper()
	if b.inside == "" {
		spare := listenAnywhere(b)
		b.inside = spare.Addr().String()
		spare.Close()
	}
	to := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(b.inside))
	inside := &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte{127, 0, 0, 1}}
	return &door{inside: inside, dial: func() (int, error) {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return -1, err
		}
		unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 2}}) // as isolate's DialTCP
		unix.Connect(fd, inside)
		return fd, nil
	}}
}

func (b *bench) serve(doors ...*door) {
	b.Helper()
	for _, d := range doors {
		var err error
		if d.listener, err = listenTCP("127.0.0.1", 0); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { unix.Close(d.listener) })
	}

	b.outside = outside(b, doors[0])
	refuse := func(reason error) { b.Errorf("refused: %v", reason) }
	var err error
	if b.relay, err = newRelay(doors, refuse); err != nil {
		b.Fatal(err)
	}

	b.relay.greetingTime = b.greetingTime
	go b.relay.run()
	b.Cleanup(func() {
		select {
		case <-b.relay.ended:
		default:
			b.relay.finish()
		}
	})
}

// outside returns where clients of the door connect to.
func outside(t testing.TB, d *door) string {
	t.Helper()
	name, err := unix.Getsockname(d.listener)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
}

// kernel listens inside and serves every client with serve.
func (b *bench) kernel(serve func(*net.TCPConn)) {
	b.Helper()
	l, err := net.Listen("tcp", b.inside)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn.(*net.TCPConn))
		}
	}()
}

func (b *bench) client() *net.TCPConn {
	b.Helper()
	conn, err := net.Dial("tcp", b.outside)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn.(*net.TCPConn)
}

func echo(conn *net.TCPConn) {
	defer conn.Close()
	io.Copy(conn, conn)
}

// ask sends text and expects it back.
func (b *bench) ask(conn net.Conn, text string) {
	b.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		b.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		b.Fatalf("sent %.20q, got %.20q, %v", text, got, err)
	}
}

func TestRelaySeveralClients(t *testing.T) {
	b := newBench(t)
	b.kernel(echo)
	var conns []net.Conn
	for range 5 {
		conns = append(conns, b.client())
	}
	for i := range 50 {
		for j, conn := range conns {
			b.ask(conn, fmt.Sprint("message ", i, " of ", j))
		}
	}
}

func TestRelayHoldsClients(t *testing.T) {
	b := newBench(t)
	early := b.client()
	if _, err := early.Write([]byte("early")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	b.kernel(echo)
	listening := time.Now()
	got := make([]byte, 5)
	if _, err := io.ReadFull(early, got); err != nil || string(got) != "early" {
		t.Fatalf("got %q, %v", got, err)
	}
	// The pause is 2 ms then; the bound is what a loaded machine keeps too.
	if waited := time.Since(listening); waited > 2*time.Second {
		t.Errorf("joined %v after the kernel listened", waited)
	}
}

func TestRelayForgetsProbes(t *testing.T) {
	b := newBench(t)
	b.client().Close() // the relay opens what it keeps
	time.Sleep(50 * time.Millisecond)
	before := descriptors(t)
	for range 2 * maxConnections { // before the kernel listens
		b.client().Close()
	}
	for end := time.Now().Add(5 * time.Second); descriptors(t) > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d descriptors, before %d", descriptors(t), before)
		}
	}
	b.kernel(echo)
	for range 2 * maxConnections { // and after
		b.client().Close()
	}
	b.ask(b.client(), "still there")
}

func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestRelayHalfClosed(t *testing.T) {
	tests := []struct {
		name  string
		early bool // the client has said all before the kernel listens
	}{{"joined", false}, {"held", true}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			serve := func(conn *net.TCPConn) {
				defer conn.Close()
				all, _ := io.ReadAll(conn)
				conn.Write(append([]byte("all of it: "), all...))
			}
			if !test.early {
				b.kernel(serve)
			}

			conn := b.client()
			conn.Write([]byte("question"))
			time.Sleep(50 * time.Millisecond) // it is accepted
			conn.CloseWrite()
			if test.early {
				time.Sleep(50 * time.Millisecond)
				b.kernel(serve)
			}
			if got, err := io.ReadAll(conn); string(got) != "all of it: question" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestRelayKernelClosesFirst(t *testing.T) {
	b := newBench(t)
	b.kernel(func(conn *net.TCPConn) {
		conn.Write([]byte("last words"))
		conn.CloseWrite()
		io.Copy(io.Discard, conn)
		conn.Close()
	})
	conn := b.client()
	if got, err := io.ReadAll(conn); string(got) != "last words" {
		t.Errorf("got %q, %v", got, err)
	}
}

// A kernel that ends with a request unread resets its connections; what it
// said before still arrives.
func TestRelayKernelResets(t *testing.T) {
	b := newBench(t)
	b.kernel(func(conn *net.TCPConn) {
		conn.Read(make([]byte, 1))
		conn.Write([]byte("last words"))
		conn.Close()
	})
	conn := b.client()
	conn.Write([]byte("more than it reads"))
	got := make([]byte, len("last words"))
	if _, err := io.ReadFull(conn, got); string(got) != "last words" {
		t.Errorf("got %q, %v", got, err)
	}
}

// What a client goes on to send after the kernel's end does not cost it the
// kernel's last words: a connection closed with something unread is reset.
func TestRelayLateRequests(t *testing.T) {
	b := newBench(t)
	const size = 300 << 10
	closed := make(chan struct{})
	b.kernel(func(conn *net.TCPConn) {
		conn.Read(make([]byte, 1))
		conn.Write(make([]byte, size))
		time.Sleep(50 * time.Millisecond) // all of it is in the relay, or past it
		conn.Close()
		close(closed)
	})

	conn := b.client()
	conn.SetReadBuffer(16 << 10)
	conn.Write([]byte("?"))
	<-closed
	conn.Write(make([]byte, 200<<10))
	time.Sleep(50 * time.Millisecond)
	got := 0
	for buffer := make([]byte, 64<<10); got < size; {
		n, err := conn.Read(buffer)
		if got += n; err != nil {
			t.Fatalf("%d bytes of %d, %v", got, size, err)
		}
	}
}

func TestRelayBulk(t *testing.T) {
	b := newBench(t)
	const size = 32 << 20
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}

	sums := make(chan [32]byte, 2)
	swap := func(conn *net.TCPConn) { // both directions at once
		said := make(chan struct{})
		go func() {
			for range size / len(noise) {
				conn.Write(noise)
			}
			conn.CloseWrite()
			close(said)
		}()
		hash := sha256.New()
		n, err := io.Copy(hash, conn)
		if n != size || err != nil {
			t.Errorf("%d bytes of %d, %v", n, size, err)
		}
		<-said
		conn.Close()
		sums <- [32]byte(hash.Sum(nil))
	}
	b.kernel(swap)

	swap(b.client())
	want := sha256.Sum256(bytes.Repeat(noise, size/len(noise)))
	for range 2 {
		if got := <-sums; got != want {
			t.Error("the bytes are not the same")
		}
	}
}

// A client that does not read stops the kernel and nobody else, and costs no
// memory.
func TestRelaySlowReader(t *testing.T) {
	b := newBench(t)
	const size = 64 << 20
	var written atomic.Int64
	b.kernel(func(conn *net.TCPConn) {
		defer conn.Close()
		kind := make([]byte, 1)
		conn.Read(kind)
		if kind[0] == 'e' {
			echo(conn)
			return
		}
		chunk := bytes.Repeat([]byte("x"), 64<<10)
		for written.Load() < size {
			n, err := conn.Write(chunk)
			if err != nil {
				return
			}
			written.Add(int64(n))
		}
	})

	slow, other := b.client(), b.client()
	slow.SetReadBuffer(64 << 10)
	slow.Write([]byte("w"))
	before := int64(-1)
	for now := written.Load(); now != before || now == 0; now = written.Load() {
		before = now
		time.Sleep(100 * time.Millisecond)
	}
	if before >= size/2 {
		t.Fatalf("%d bytes went into the relay that nobody read", before)
	}

	other.Write([]byte("e"))
	b.ask(other, "meanwhile")
	if n, err := io.Copy(io.Discard, slow); n != size || err != nil {
		t.Errorf("%d bytes of %d arrived, %v", n, size, err)
	}
}

func TestRelayManyClients(t *testing.T) {
	b := newBench(t)
	b.kernel(echo)
	for range maxConnections - 2 { // two fewer, so that the next ones fill it
		b.ask(b.client(), "x")
	}

	last := b.client()
	b.ask(last, "fits")
	b.ask(b.client(), "fills it")
	waiting := b.client()
	waiting.Write([]byte("waits"))
	waiting.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	got := make([]byte, 5)
	if n, _ := waiting.Read(got); n > 0 {
		t.Error("there is no limit")
	}

	waiting.SetReadDeadline(time.Now().Add(10 * time.Second))
	last.Close()
	if _, err := io.ReadFull(waiting, got); err != nil {
		t.Errorf("a client waits for ever: %v", err)
	}
}

// Clients that say nothing make room for those that come later, before the
// kernel listens and after; who has greeted stays.
func TestRelaySilentClients(t *testing.T) {
	b := newBench(t)
	var held []*net.TCPConn
	for range maxGreetings + 20 {
		held = append(held, b.client())
	}
	for _, conn := range held[:20] {
		ends(t, conn)
	}
	b.kernel(echo)
	for _, conn := range held[20:] {
		b.ask(conn, "held")
	}
	b.ask(b.client(), "new")

	var silent []*net.TCPConn
	for range 2 * maxConnections {
		silent = append(silent, b.client())
	}
	b.ask(b.client(), "later")
	ends(t, silent[0])
	for _, conn := range held[20:] {
		b.ask(conn, "still there")
	}
}

// ends waits until the relay closes a connection.
func ends(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := conn.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d, %v", n, err)
	}
}

// A greeting takes both sides, and has a time that begins when the kernel has
// the connection.
func TestRelayGreetingTime(t *testing.T) {
	const short = 200 * time.Millisecond
	talkative := func(conn *net.TCPConn) {
		conn.Write([]byte("greeting"))
		io.Copy(io.Discard, conn)
	}
	for _, test := range []struct {
		name   string
		kernel func(*net.TCPConn)
		speaks bool // the client
		ends   bool
	}{
		{"neither speaks", func(conn *net.TCPConn) { io.Copy(io.Discard, conn) }, false, true},
		{"the kernel alone", talkative, false, true},
		{"the client alone", func(conn *net.TCPConn) { io.Copy(io.Discard, conn) }, true, true},
		{"both", talkative, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := &bench{TB: t, greetingTime: short}
			b.serve(b.door())
			conn := b.client()
			if test.speaks {
				conn.Write([]byte("greeting"))
			}
			time.Sleep(2 * short) // nobody listens
			b.kernel(test.kernel)
			conn.SetReadDeadline(time.Now().Add(2 * time.Second))
			_, err := io.Copy(io.Discard, conn)
			if ended := !errors.Is(err, os.ErrDeadlineExceeded); ended != test.ends {
				t.Errorf("the connection has ended: %v, %v", ended, err)
			}
		})
	}
}

// Many clients that are held cost no more than one: the kernel's port is tried
// once for all, and less often as time goes by.
func TestRelayProbesOnceForAll(t *testing.T) {
	probes := func(clients int) int64 {
		var count atomic.Int64
		b := &bench{TB: t, greetingTime: greetingTime}
		b.serve(&door{dial: func() (int, error) {
			count.Add(1)
			return -1, unix.ECONNREFUSED
		}})
		for range clients {
			b.client()
		}
		time.Sleep(100 * time.Millisecond)
		count.Store(0)
		time.Sleep(500 * time.Millisecond)
		return count.Load()
	}
	one, many := probes(1), probes(250)
	if many > one+one/2+10 || one < 10 || one > 250 {
		t.Errorf("%d attempts for one client, %d for many", one, many)
	}
}

// What clients do at one door leaves the others alone.
func TestRelayDoorsHaveTheirOwnBudgets(t *testing.T) {
	b := &bench{TB: t, greetingTime: greetingTime}
	first, second := b.door(), b.door()
	b.serve(first, second)
	b.kernel(echo)
	for range maxConnections {
		b.ask(b.client(), "x")
	}
	waiting := b.client()
	waiting.Write([]byte("x"))
	waiting.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, _ := waiting.Read(make([]byte, 1)); n > 0 {
		t.Error("the control: the first door has no limit")
	}
	b.outside = outside(t, second)
	b.ask(b.client(), "the other door")
}

func TestRelayFinish(t *testing.T) {
	b := newBench(t)
	const size = 8 << 20
	sent := make(chan struct{})
	b.kernel(func(conn *net.TCPConn) {
		conn.Write(make([]byte, size))
		conn.Close()
		close(sent)
	})
	conn := b.client()
	got := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, conn)
		got <- n
	}()
	<-sent
	b.relay.finish()
	if n := <-got; n != size {
		t.Errorf("%d bytes of %d arrived", n, size)
	}
}

func TestRelayFinishDoesNotWaitForEver(t *testing.T) {
	b := newBench(t)
	b.kernel(func(conn *net.TCPConn) { conn.Write(make([]byte, 64<<20)) })
	conn := b.client() // never reads
	conn.SetReadBuffer(4 << 10)
	idle := b.client() // never closes
	b.ask(idle, "")
	time.Sleep(100 * time.Millisecond)
	start := time.Now()
	b.relay.finish()
	if took := time.Since(start); took > patience+10*time.Second {
		t.Errorf("finish took %v", took)
	}
}
