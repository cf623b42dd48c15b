package protocol

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/transport"
)

// The test binary is also a server that a hostile client may end, and another
// user's client.
func TestMain(m *testing.M) {
	switch os.Getenv("PROTOCOL_TEST") {
	case "server":
		router := zmq4.NewRouter(context.Background(), quiet)
		fmt.Println(listenAnywhere(router, os.Args[1]))
		for {
			router.Recv()
		}
	case "client":
		conn, err := net.Dial("tcp", os.Args[1])
		if err != nil {
			fmt.Println(err)
			return
		}
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, _ := conn.Read(make([]byte, greetingSize))
		fmt.Println(n, "bytes")
	default:
		os.Exit(m.Run())
	}
}

var quiet = zmq4.WithLogger(log.New(io.Discard, "", 0))

// listenAnywhere returns the address that the socket listens at, with the
// transport of that name.
func listenAnywhere(s zmq4.Socket, scheme string) string {
	registerBounded()
	if err := s.Listen(scheme + "://127.0.0.1:0"); err != nil {
		return err.Error()
	}
	return s.Addr().String()
}

func connect(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

// reached reports whether a client of the library is served within a time.
func reached(t *testing.T, address string, within time.Duration) bool {
	t.Helper()
	conn := connect(t, address)
	conn.SetDeadline(time.Now().Add(within))
	conn.Write(append(greeting(), ready...))
	// The server's READY, which the library sends once it has taken us up.
	_, err := io.ReadFull(conn, make([]byte, greetingSize+len("\x04\x05\x05READY")))
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return err == nil
}

// What ends the library's process doesn't get so far. The control is the same
// server with the library's own transport.
func TestHostileClients(t *testing.T) {
	for name, says := range map[string]string{
		"an unknown type of socket":  presented("Socket-Type", "EVIL"),
		"no type of socket":          "\x04\x06\x05READY",
		"a property that is cut off": "\x04\x07\x05READY\x01",
		"a frame of 2^62 bytes":      ready + string(frame(long, 1<<62, false)),
	} {
		for scheme, dies := range map[string]bool{"tcp": true, requestRole.scheme() + "tcp": false} {
			t.Run(name+"/"+scheme, func(t *testing.T) {
				cmd := exec.Command("/proc/self/exe", scheme)
				cmd.Env = []string{"PROTOCOL_TEST=server"}
				stdout, _ := cmd.StdoutPipe()
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				defer func() {
					cmd.Process.Kill()
					<-ended
				}()
				line := make([]byte, 100)
				n, _ := stdout.Read(line)
				go func() { ended <- cmd.Wait() }()
				address := strings.TrimSpace(string(line[:n]))

				hostile := connect(t, address)
				hostile.Write(append(greeting(), says...))
				io.Copy(io.Discard, hostile) // until it is ended
				select {
				case err := <-ended:
					ended <- err
					if !dies {
						t.Error(err)
					}
				case <-time.After(200 * time.Millisecond):
					if dies {
						t.Error("the control lives")
					} else if !reached(t, address, 5*time.Second) {
						t.Error("it serves nobody")
					}
				}
			})
		}
	}
}

// The same from a kernel, to verify as its client.
func TestHostileKernels(t *testing.T) {
	for name, says := range map[string]string{
		"an unknown type of socket": presented("Socket-Type", "EVIL"),
		"no type of socket":         "\x04\x06\x05READY",
		"a client's type of socket": presented("Socket-Type", "REQ"),
		"a frame of 2^62 bytes":     presented("Socket-Type", "ROUTER") + string(frame(long, 1<<62, false)),
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()

			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					conn.Write(append(greeting(), says...))
				}
			}()
			registerBounded()
			dealer := zmq4.NewDealer(t.Context(), quiet, zmq4.WithDialerMaxRetries(0))
			defer dealer.Close()

			err = dealer.Dial(dealerRole.scheme() + "tcp://" + l.Addr().String())
			if err == nil {
				_, err = dealer.Recv()
			}
			if !errors.Is(err, ErrRefused) {
				t.Error(err)
			}
		})
	}
}

// A client can't make the publishing socket keep more than a few topics. With
// the library's own transport it keeps them all.
func TestManyTopics(t *testing.T) {
	const many = 5000
	for scheme, bounded := range map[string]bool{"tcp": false, publishRole.scheme() + "tcp": true} {
		publisher := zmq4.NewXPub(t.Context(), quiet)
		defer publisher.Close()
		client := connect(t, listenAnywhere(publisher, scheme))
		client.Write(append(greeting(), presented("Socket-Type", "SUB")...))
		for i := range many {
			topic := fmt.Sprint("\x01", i)
			client.Write(append([]byte{0, byte(len(topic))}, topic...))
		}
		count := func() int { return len(publisher.(zmq4.Topics).Topics()) }
		for end := time.Now().Add(5 * time.Second); !bounded && count() < many && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		if bounded {
			io.Copy(io.Discard, client) // until it is ended
		}
		if kept := count(); bounded != (kept <= publishRole.topics) {
			t.Errorf("%s: %d topics", scheme, kept)
		}
	}
}

// Clients that say nothing keep nobody out, however many there are. The
// library's own transport waits for the first of them.
func TestSilentClients(t *testing.T) {
	for scheme, bounded := range map[string]bool{"tcp": false, requestRole.scheme() + "tcp": true} {
		router := zmq4.NewRouter(t.Context(), quiet)
		defer router.Close()
		address := listenAnywhere(router, scheme)
		patience := 5 * time.Second
		if !bounded {
			patience = 300 * time.Millisecond
		}
		for range 2 * maxConnections {
			connect(t, address)
		}
		if got := reached(t, address, patience); got != bounded {
			t.Errorf("%s: a client is served: %v", scheme, got)
		}
	}
}

func TestNumberOfClients(t *testing.T) {
	router := zmq4.NewRouter(t.Context(), quiet)
	defer router.Close()
	address := listenAnywhere(router, requestRole.scheme()+"tcp")
	for range maxConnections - 1 {
		if !reached(t, address, 5*time.Second) {
			t.Fatal("it serves too few")
		}
	}

	last := connect(t, address)
	last.Write(append(greeting(), ready...))
	last.Read(make([]byte, 1))
	time.Sleep(50 * time.Millisecond) // it has greeted
	if reached(t, address, 5*time.Second) {
		t.Error("it serves too many")
	}
	last.Close()
	for end := time.Now().Add(5 * time.Second); !reached(t, address, 5*time.Second); {
		if time.Now().After(end) {
			t.Fatal("a client that has left counts")
		}
	}
}

// Another user's client isn't spoken to; only root can be two users.
func TestOtherUsersClientOfTheErrorKernel(t *testing.T) {
	refused := make(chan error, 5)
	ctx := WithRefusal(t.Context(), func(err error) { refused <- err })
	router := zmq4.NewRouter(ctx, quiet)
	defer router.Close()
	address := listenAnywhere(router, requestRole.scheme()+"tcp")
	client := func(attr *syscall.SysProcAttr) string {
		cmd := exec.Command("/proc/self/exe", address)
		cmd.Env = []string{"PROTOCOL_TEST=client"}
		cmd.SysProcAttr = attr
		said, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(said))
	}

	if said := client(nil); said != "64 bytes" {
		t.Errorf("our own has %s", said)
	}
	if os.Getuid() != 0 {
		return
	}
	if said := client(&syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65533, Gid: 65533}}); said != "0 bytes" {
		t.Errorf("a stranger's has %s", said)
	}
	if err := <-refused; !strings.Contains(err.Error(), "of user 65533 to the kernel's ports") {
		t.Error(err)
	}
}

// A connection file without an address means this machine, to the launcher too.
func TestEndpointWithoutAnAddress(t *testing.T) {
	c := &Connection{Transport: "tcp"}
	if got := c.Endpoint(1234); got != "tcp://127.0.0.1:1234" {
		t.Error(got)
	}
}

// A scripted is a peer that says what it has to say, and closes.
type scripted struct {
	net.Conn // nil
	script   *bytes.Reader
	closed   chan struct{}
}

func newScripted(script []byte) *scripted {
	return &scripted{script: bytes.NewReader(script), closed: make(chan struct{}, 100)}
}

func (s *scripted) Read(p []byte) (int, error)       { return s.script.Read(p) }
func (s *scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (s *scripted) SetReadDeadline(time.Time) error  { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }
func (s *scripted) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *stage) Close() error                        { return nil }
func (s *scripted) Close() error {
	s.closed <- struct{}{}
	return nil
}

// A stage is a transport whose peers are scripted.
type stage struct {
	role  *role
	peers peers
}

func (s *stage) Addr(string) (string, error) { return "", nil }
func (s *stage) Dial(context.Context, transport.Dialer, string) (net.Conn, error) {
	return newDialled(<-s.peers, s.role), nil
}
func (s *stage) Listen(context.Context, string) (net.Listener, error) {
	return newListener(s.peers, s.role, func(net.Conn) bool { return true }), nil
}

// peers is a listener that they come to.
type peers chan net.Conn

func (p peers) Accept() (net.Conn, error) { return <-p, nil }
func (p peers) Close() error              { return nil }
func (p peers) Addr() net.Addr            { return &net.TCPAddr{} }

// FuzzPeer lets the library itself read what a peer says, in each of our
// sockets and in all of its goroutines: what it can't take must not get there.
func FuzzPeer(f *testing.F) {
	for which, kind := range []string{"DEALER", "REQ", "SUB", "ROUTER", "PUB", "REP"} {
		f.Add(uint8(which), []byte(presented("Socket-Type", kind)+"\x01\x01a\x00\x01\x01"))
	}
	f.Add(uint8(0), []byte(presented("Socket-Type", "EVIL")))
	f.Add(uint8(3), []byte("\x04\x06\x05READY"))
	f.Add(uint8(0), []byte(ready+"\x01\x09<IDS|MSG>\x01\x00\x01\x02{}\x01\x02{}\x01\x02{}\x00\x02{}"))
	f.Add(uint8(2), []byte(presented("Socket-Type", "XSUB", "Identity", "me")+"\x00\x01\x00"))

	ctx, cancel := context.WithCancel(context.Background())
	f.Cleanup(cancel)
	kernels := []struct {
		role   *role
		socket zmq4.Socket
		reads  bool
	}{
		{requestRole, zmq4.NewRouter(ctx, quiet), true},
		{smallRole, zmq4.NewRouter(ctx, quiet), true},
		{publishRole, zmq4.NewXPub(ctx, quiet), false},
	}
	clients := []struct {
		role *role
		make func(context.Context, ...zmq4.Option) zmq4.Socket
	}{{dealerRole, zmq4.NewDealer}, {subscribeRole, zmq4.NewSub}, {reqRole, zmq4.NewReq}}

	stages := make([]*stage, 6)
	for i, k := range kernels {
		stages[i] = &stage{k.role, make(peers)}
		zmq4.RegisterTransport("stage-"+k.role.name, stages[i])
		if err := k.socket.Listen("stage-" + k.role.name + "://"); err != nil {
			f.Fatal(err)
		}
		if k.reads {
			go func() {
				for ctx.Err() == nil {
					if m, err := k.socket.Recv(); err == nil {
						Key("").Decode(m.Frames)
					}
				}
			}()
		}
	}
	for i, c := range clients {
		stages[3+i] = &stage{c.role, make(peers, 1)}
		zmq4.RegisterTransport("stage-"+c.role.name, stages[3+i])
	}

	f.Fuzz(func(t *testing.T, which uint8, says []byte) {
		which %= uint8(len(stages))
		peer := newScripted(append(greeting(), says...))
		stages[which].peers <- peer
		if which < 3 {
			select {
			case <-peer.closed:
			case <-time.After(10 * time.Second):
				t.Error("the connection stays")
			}
			return
		}

		c := clients[which-3]
		socket := c.make(ctx, quiet, zmq4.WithDialerMaxRetries(0))
		defer socket.Close()
		if socket.Dial("stage-"+c.role.name+"://") != nil {
			return
		}
		if c.role == reqRole {
			socket.Send(zmq4.NewMsgString("beat"))
		}

		for {
			m, err := socket.Recv()
			if err != nil {
				return
			}
			Key("").Decode(m.Frames)
		}
	})
}
