package peer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary is also a client that holds a connection, and a guard with a
// client of its own.
func TestMain(m *testing.M) {
	switch os.Getenv("PEER_TEST") {
	case "client":
		conn, err := net.Dial("tcp", os.Args[1])
		fmt.Println(err)
		if err == nil {
			defer conn.Close()
		}
		io.Copy(io.Discard, os.Stdin)
	case "guard":
		fmt.Println(ownClient())
	default:
		os.Exit(m.Run())
	}
}

// ownClient is what a guard says about a client of this process.
func ownClient() error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	return admit(&Guard{}, conn)
}

func admit(g *Guard, conn net.Conn) error {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var verdict error
	if err := raw.Control(func(fd uintptr) { verdict = g.Admit(int(fd)) }); err != nil {
		return err
	}
	return verdict
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// dial connects from an address and with the options that control sets.
func dial(t *testing.T, network, from, to string, control func(fd int) error) *net.TCPConn {
	t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if control != nil {
			c.Control(func(fd uintptr) { err = control(int(fd)) })
		}
		return err
	}}
	if from != "" {
		local, err := net.ResolveTCPAddr(network, from)
		if err != nil {
			t.Fatal(err)
		}
		dialer.LocalAddr = local
	}

	conn, err := dialer.Dial(network, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func TestOwnClients(t *testing.T) {
	bindToLoopback := func(fd int) error { return unix.BindToDevice(fd, "lo") }
	tests := []struct {
		name, listen, from string
		dial               func(t *testing.T, from, to string) net.Conn
	}{
		{name: "loopback", listen: "127.0.0.1:0"},
		{name: "another address of it", listen: "127.0.0.1:0", from: "127.1.2.3:0"},
		{name: "bound to the interface", listen: "127.0.0.1:0", dial: func(t *testing.T, from, to string) net.Conn {
			return dial(t, "tcp4", from, to, bindToLoopback)
		}},
		{name: "a socket of IPv6", listen: "127.0.0.1:0", dial: dialMapped},
		{name: "every address", listen: "0.0.0.0:0"},
	}
	for _, way := range ways() {
		for _, test := range tests {
			t.Run(way.name+"/"+test.name, func(t *testing.T) {
				l := listen(t, "tcp4", test.listen)
				to := "127.0.0.1:" + strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
				if test.dial == nil {
					dial(t, "tcp4", test.from, to, nil)
				} else {
					test.dial(t, test.from, to)
				}
				if err := admit(way.guard(), accept(t, l)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// ways returns how a guard finds a socket.
func ways() []way {
	return []way{
		{"diag", func() *Guard { return &Guard{} }},
		{"tables", func() *Guard {
			// A netlink socket that answers no such question.
			g := &Guard{}
			g.diag.fd, _ = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
			g.diag.opened = true
			return g
		}},
	}
}

type way struct {
	name  string
	guard func() *Guard
}

// dialMapped connects a socket of IPv6 to an IPv4 address. Package net would
// take one of IPv4.
func dialMapped(t *testing.T, _, to string) net.Conn {
	t.Helper()
	_, port, _ := net.SplitHostPort(to)
	number, _ := strconv.Atoi(port)
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	addr := &unix.SockaddrInet6{Port: number, Addr: [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}}
	if err := unix.Connect(fd, addr); err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A client that has let go of its socket is nobody's, though such a socket is
// shown as root's.
func TestSocketsWithoutAnOwner(t *testing.T) {
	leave := map[string]func(*net.TCPConn){
		"closed":      func(c *net.TCPConn) { c.Close() },
		"half closed": func(c *net.TCPConn) { c.CloseWrite() },
		"reset":       reset,
		"stays":       func(*net.TCPConn) {}, // the control
	}
	for _, way := range ways() {
		for name, leave := range leave {
			t.Run(way.name+"/"+name, func(t *testing.T) {
				l := listen(t, "tcp4", "127.0.0.1:0")
				client := dial(t, "tcp4", "", l.Addr().String(), nil)
				client.Write([]byte("something"))
				conn := accept(t, l)
				leave(client)
				time.Sleep(20 * time.Millisecond)
				want := ErrGone
				if name == "stays" {
					want = nil
				}
				if err := admit(way.guard(), conn); err != want {
					t.Errorf("%v, want %v", err, want)
				}
			})
		}
	}
}

func reset(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}

// A client resets its connection, and one of ours gets its port, both before
// the first is accepted. What the first has sent is still there to be read, and
// a look at the port alone would find our own client.
func TestPortTakenOver(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	reuse := func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) }
	first := dial(t, "tcp4", "127.0.0.1:0", l.Addr().String(), reuse)
	first.Write([]byte("hostile"))
	port := first.LocalAddr().String()
	reset(first)
	dial(t, "tcp4", port, l.Addr().String(), reuse)

	hostile, own := accept(t, l), accept(t, l)
	if hostile.RemoteAddr().String() != own.RemoteAddr().String() {
		t.Fatalf("%v and %v have not the same port", hostile.RemoteAddr(), own.RemoteAddr())
	}
	g := &Guard{}
	if found, err := g.find(addressOf(hostile.RemoteAddr()), addressOf(hostile.LocalAddr())); err != nil || !found.held() {
		t.Errorf("the control: the port has no socket: %+v, %v", found, err)
	}
	if err := admit(g, hostile); err != ErrGone {
		t.Errorf("the first: %v, want %v", err, ErrGone)
	}
	if err := admit(g, own); err != nil {
		t.Errorf("the second: %v", err)
	}
}

func addressOf(a net.Addr) address {
	tcp := a.(*net.TCPAddr)
	return address{[4]byte(tcp.IP.To4()), uint16(tcp.Port)}
}

func TestUnixSocket(t *testing.T) {
	l := listen(t, "unix", filepath.Join(t.TempDir(), "socket"))
	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	g := &Guard{}
	conn := accept(t, l)
	if err := admit(g, conn); err != nil {
		t.Error(err)
	}
	g.users.own = []uint32{12345}
	var foreign *ForeignUserError
	if err := admit(g, conn); os.Getuid() != 0 && !errors.As(err, &foreign) {
		t.Errorf("not its user: %v", err)
	}
}

// helper starts this binary as something else.
func helper(t *testing.T, role string, attr *syscall.SysProcAttr, args ...string) (said string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = []string{"PEER_TEST=" + role}
	cmd.SysProcAttr = attr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}

	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	line := make([]byte, 200)
	n, _ := stdout.Read(line)
	return strings.TrimSpace(string(line[:n]))
}

// Another user's client is refused, and the same client of our own isn't. Only
// root can be two users; an ordinary user meets one in
// TestUserWithoutANumber.
func TestOtherUsersClient(t *testing.T) {
	const stranger = 65533
	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			l := listen(t, "tcp4", "127.0.0.1:0")
			if said := helper(t, "client", nil, l.Addr().String()); said != "<nil>" {
				t.Fatal(said)
			}
			if err := admit(way.guard(), accept(t, l)); err != nil {
				t.Errorf("our own: %v", err)
			}
			if os.Getuid() != 0 {
				return
			}

			other := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
			if said := helper(t, "client", other, l.Addr().String()); said != "<nil>" {
				t.Fatal(said)
			}
			conn := accept(t, l)
			g := way.guard()
			var foreign *ForeignUserError
			if err := admit(g, conn); !errors.As(err, &foreign) || foreign.User != stranger {
				t.Errorf("a stranger's: %v", err)
			}
			g.users.above = append(g.users.above, stranger)
			if err := admit(g, conn); err != nil {
				t.Errorf("that of a user above us: %v", err)
			}
		})
	}
}

// In a user namespace where our own user has no number, it reads as any other
// without one does.
func TestUserWithoutANumber(t *testing.T) {
	if said := helper(t, "guard", &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}); !strings.Contains(said, "user 65534, who is anybody") {
		t.Errorf("the guard says %q", said)
	}
	alone := &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 7, HostID: os.Getuid(), Size: 1}},
	}
	if said := helper(t, "guard", alone); said != "<nil>" { // the control
		t.Errorf("with a number of its own: %q", said)
	}
}

func TestUsers(t *testing.T) {
	tests := []struct {
		name  string
		users users
		user  uint32
		want  bool
	}{
		{"root", users{own: []uint32{0, 1000}, overflow: -1}, 0, true},
		{"our own", users{own: []uint32{0, 1000}, overflow: -1}, 1000, true},
		{"another", users{own: []uint32{0, 1000}, overflow: -1}, 1001, false},
		{"a gateway's", users{own: []uint32{0, 1000}, overflow: -1, above: []uint32{0, 998}}, 998, true},
		{"nobody, who has a number", users{own: []uint32{0, 65534}, overflow: -1}, 65534, true},
		{"anybody, where some have none", users{own: []uint32{0, 65534}, overflow: 65534}, 65534, false},
		{"anybody, above us too", users{own: []uint32{0}, overflow: 65534, above: []uint32{65534}}, 65534, false},
		{"anybody, as root's number", users{own: []uint32{0}, overflow: 0}, 0, false},
	}
	for _, test := range tests {
		test.users.known, test.users.walked = true, true
		if err := test.users.check(test.user); (err == nil) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestSocketsThatAreHeld(t *testing.T) {
	for _, test := range []struct {
		name   string
		socket socket
		want   bool
	}{
		{"in use", socket{established, 1000, 31415}, true},
		{"closed by its process", socket{5, 0, 0}, false}, // FIN_WAIT2
		{"without a process", socket{established, 0, 0}, false},
		{"half closed", socket{5, 1000, 31415}, false},
		{"listening", socket{10, 1000, 31415}, false},
		{"none", socket{}, false},
	} {
		if got := test.socket.held(); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// Addresses of this machine are known without a list: the interfaces' own, and
// those that somebody else has.
func TestAddressesOfThisMachine(t *testing.T) {
	g := &Guard{}
	defer g.Close()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if ip := a.(*net.IPNet).IP.To4(); ip != nil {
			if here, err := g.route.isLocal([4]byte(ip)); !here || err != nil {
				t.Errorf("%v: %v, %v", ip, here, err)
			}
		}
	}

	if here, _ := g.route.isLocal([4]byte{198, 51, 100, 1}); here { // RFC 5737: nobody's
		t.Error("every address is ours")
	}
	for _, ip := range [][4]byte{{127, 9, 9, 9}, {127, 0, 0, 1}} {
		if !g.isOurs(ip, [4]byte{192, 0, 2, 77}) {
			t.Errorf("%v is not ours", ip)
		}
	}
	if !g.isOurs([4]byte{192, 0, 2, 77}, [4]byte{192, 0, 2, 77}) {
		t.Error("what both ends have is not ours")
	}
}
