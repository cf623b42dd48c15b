package isolate

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What can't be meant is refused, with the other option where that is what is meant.
func TestServices(t *testing.T) {
	for _, test := range []struct{ connect, allow, want, err string }{
		{connect: "127.0.0.1:5432", want: "127.0.0.1:5432"},
		{connect: "LOCALHOST:1", want: "localhost:1"},
		{connect: "[::1]:5432", want: "[::1]:5432"},
		{connect: "Db.Example.org.:5432", want: "db.example.org:5432"},
		{allow: "pypi.org", want: "pypi.org:443 pypi.org:80"},
		{allow: "*.Example.org:8443", want: "*.example.org:8443"},
		{connect: "", err: "HOST:PORT"},
		{connect: "db", err: "HOST:PORT"},
		{connect: ":1", err: "host name"},
		{connect: "db:0", err: "65535"},
		{connect: "*.db:1", err: "without *"},
		{connect: "0.0.0.0:1", err: "no service has this address"},
		{connect: "[::]:1", err: "no service has this address"},
		{connect: "224.0.0.1:1", err: "no service has this address"},
		{connect: "255.255.255.255:1", err: "no service has this address"},
		{connect: "[ff02::1]:1", err: "no service has this address"},
		{connect: "[::ffff:127.0.0.1]:1", err: "IPv4 address"},
		{connect: "127.1:1", err: "four decimal numbers"},
		{connect: "0x7f.1:1", err: "four decimal numbers"},
		{connect: "127.0.0.53:53", err: "resolver"},
		{allow: "", err: "host name"},
		{allow: "*", err: "*.NAME"},
		{allow: "**.a", err: "*.NAME"},
		{allow: "10.0.0.1", err: "--connect 10.0.0.1:443"},
		{allow: "[::1]:1", err: "--connect [::1]:1"},
		{allow: "localhost:80", err: "--connect localhost:80"},
		{allow: "a.localhost:80", err: "--connect a.localhost:80"},
		{allow: "evil\x00.pypi.org", err: "host name"},
		{allow: "https://pypi.org", err: "port"},
		{allow: "pypi.org/simple", err: "host name"},
	} {
		var services []Service
		var err error
		if test.allow != "" || test.connect == "" && strings.Contains(test.err, "name") {
			services, err = ParseAllowHost(test.allow)
		} else {
			var s Service
			s, err = ParseConnect(test.connect)
			services = []Service{s}
		}
		var got []string
		for _, s := range services {
			got = append(got, joined(s))
		}
		if err == nil && strings.Join(got, " ") != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%q, %q: %v, %v; want %q, %q", test.connect, test.allow, got, err, test.want, test.err)
		}
	}
}

func joined(s Service) string {
	if strings.Contains(s.Host, ":") {
		return fmt.Sprintf("[%s]:%d", s.Host, s.Port)
	}
	return fmt.Sprintf("%s:%d", s.Host, s.Port)
}

// Without services nothing is made; each name has its own address, which is no
// address that was named.
func TestDoors(t *testing.T) {
	if doors, err := (&Policy{}).doors(); doors != nil || err != nil {
		t.Errorf("for nothing: %v, %v", doors, err)
	}
	p := Policy{Services: []Service{
		{"198.18.0.2", 1, false}, {"a.test", 1, true}, {"b.test", 1, true}, {"a.test", 2, true}, {"A.test.", 1, false}, {"*.c.test", 1, true},
	}}
	doors, err := p.doors()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range doors[3:] {
		if d.Kind != "watch-6" {
			got = append(got, d.String())
		}
	}
	want := []string{
		"listen 198.18.0.2 198.18.0.2 1 any", "listen 198.18.0.1 a.test 1 any", "listen 198.18.0.3 b.test 1 public",
		"listen 198.18.0.1 a.test 2 public", "below *.c.test 1", "spare 128",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for i := range mostServices + 1 {
		p.Services = append(p.Services, Service{"d.test", i + 1, true})
	}
	if _, err := p.doors(); err == nil {
		t.Error("any number of services is taken")
	}
	if _, err := (&Policy{Network: NetworkHost, Services: p.Services[:1]}).doors(); kindOf(err) != KindAllNetwork {
		t.Errorf("with the machine's network: %v", err)
	}
}

// withHelper has the test binary be the helper, too.
func withHelper(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(selfPath(t), filepath.Join(dir, helper)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// A host is a listener outside that answers with what it received, once that is whole.
type host struct {
	net.Listener
	lock     sync.Mutex
	received []string
	open     int
	most     int
}

func (h *host) port() int { return h.Addr().(*net.TCPAddr).Port }

func newHost(t *testing.T, address string) *host {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	h := &host{Listener: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go h.serve(c)
		}
	}()
	return h
}

func (h *host) serve(c net.Conn) {
	defer c.Close()
	h.count(1)
	defer h.count(-1)
	data, err := io.ReadAll(c)
	if err == nil {
		h.lock.Lock()
		h.received = append(h.received, string(data))
		h.lock.Unlock()
		c.Write(data)
	}
}

func (h *host) count(n int) {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.open += n
	h.most = max(h.most, h.open)
}

// dialerRole connects to each address, sends its second argument so many times, and
// prints what became of it; with "leave" it ends without waiting.
func dialerRole(args []string) int {
	text := strings.Repeat(args[1], number(args[2]))
	for _, address := range strings.Fields(args[0]) {
		c, err := net.DialTimeout("tcp", address, 10*time.Second)
		if errors.Is(err, unix.ECONNRESET) {
			fmt.Println(address, "reset") // before it was told that the connection is made
			continue
		}
		if err != nil {
			fmt.Println(address, "refused")
			continue
		}
		sent := make(chan error, 1)
		go func() {
			_, err := io.WriteString(c, text)
			c.(*net.TCPConn).CloseWrite()
			sent <- err
		}()
		if len(args) > 3 {
			<-sent
			return 0
		}
		back, err := io.ReadAll(c)
		if unsent := <-sent; err == nil {
			err = unsent // a reset is told once, to whoever writes or reads first
		}
		switch {
		case errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
			fmt.Println(address, "reset")
		case err != nil || !bytes.Equal(back, []byte(text)):
			fmt.Println(address, len(back), err)
		default:
			fmt.Println(address, "whole")
		}
	}
	return 0
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// reach runs the dialer in a sandbox with services, and returns what it and its
// refusals say.
func reach(t *testing.T, services []Service, args ...string) (said string, refused []Refusal) {
	t.Helper()
	self := self(t)
	c := Command(Policy{
		Mounts: []Mount{ReadOnly(self.Path)}, Dir: "/tmp", Services: services,
		Env: []string{"PATH=/usr/bin:/bin", roleVariable + "=dialer"},
	}, self.Path, args...)
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	var lock sync.Mutex
	c.Refused = func(r Refusal) {
		lock.Lock()
		defer lock.Unlock()
		refused = append(refused, r)
	}
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
	return out.String(), refused
}

// A service is at its own address inside, all of its bytes pass in both directions, and
// nothing else of the machine is there. Without the option it isn't there either.
func TestConnect(t *testing.T) {
	withHelper(t)
	h := newHost(t, "127.0.0.1:0")
	other := newHost(t, "127.0.0.1:0")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := silent.Addr().(*net.TCPAddr).Port
	silent.Close()
	four, name, six := fmt.Sprintf("127.0.0.1:%d", h.port()), fmt.Sprintf("localhost:%d", h.port()), fmt.Sprintf("[::1]:%d", h.port())
	neighbour, dead := fmt.Sprintf("127.0.0.1:%d", other.port()), fmt.Sprintf("127.0.0.1:%d", closed)
	own := []Service{{"127.0.0.1", h.port(), false}, {"127.0.0.1", closed, false}}

	for _, test := range []struct {
		name     string
		services []Service
		args     []string
		want     string
		refused  string
	}{
		{"nothing is named", nil, []string{four, "x", "1"}, four + " refused\n", ""},
		{"an address", own, []string{four + " " + neighbour + " " + six, "x", "3000000"}, four + " whole\n" + neighbour + " refused\n" + six + " refused\n", ""},
		{"nobody listens", own, []string{dead + " " + dead, "x", "1"}, dead + " reset\n" + dead + " reset\n", dead + " can't be reached: connection refused"},
		{"localhost", []Service{{"localhost", h.port(), false}}, []string{name + " " + six + " " + four, "x", "1"}, name + " whole\n" + six + " whole\n" + four + " whole\n", ""},
		{"elsewhere", own, []string{"10.1.2.3:99 10.1.2.3:99 [2001:db8::1]:99", "x", "1"}, "10.1.2.3:99 refused\n10.1.2.3:99 refused\n[2001:db8::1]:99 refused\n",
			"refused: 10.1.2.3:99|refused: [2001:db8::1]:99"},
		{"names", own, []string{"nosuch.test:99 nosuch.test:98", "x", "1"}, "nosuch.test:99 refused\nnosuch.test:98 refused\n", "refused: nosuch.test"},
		{"a name", []Service{{"localhost.", h.port(), false}}, []string{name, "x", "1"}, name + " whole\n", ""},
		{"a public host alone", []Service{{"pypi.test", 443, true}}, []string{four + " pypi.test:99", "x", "1"}, four + " refused\npypi.test:99 refused\n", "refused: pypi.test:99"},
	} {
		t.Run(test.name, func(t *testing.T) {
			said, refused := reach(t, test.services, test.args...)
			var told []string
			for _, r := range refused {
				told = append(told, r.Error())
			}
			slices.Sort(told)
			if said != test.want || strings.Join(told, "|") != test.refused {
				t.Errorf("it says %q, want %q; told %q, want %q", said, test.want, told, test.refused)
			}
		})
	}
}

// What a program has sent before it ended arrives, also if it ended at once.
func TestSentBeforeTheEnd(t *testing.T) {
	withHelper(t)
	h := newHost(t, "127.0.0.1:0")
	text := fmt.Sprintf("127.0.0.1:%d", h.port())
	reach(t, []Service{{"127.0.0.1", h.port(), false}}, text, "y", "100000", "leave")
	for tries := 0; ; tries++ {
		h.lock.Lock()
		received := slices.Clone(h.received)
		h.lock.Unlock()
		if len(received) == 1 && len(received[0]) == 100000 {
			return
		}
		if tries == 100 {
			t.Fatalf("%d connections arrived", len(received))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// What waits when the program ends is taken, however much it is: connections for which
// there is no room yet, and attempts that nobody has looked at.
func TestWaitingAtTheEnd(t *testing.T) {
	withHelper(t)
	h := newHost(t, "127.0.0.1:0")
	const connections, attempts = 650, 39
	var lock sync.Mutex
	told := map[string]bool{}
	c := Command(Policy{Dir: "/tmp", Services: []Service{{"127.0.0.1", h.port(), false}}}, "python3", "-c", `
import os, resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
port, connections, attempts = map(int, sys.argv[1:])
held = [socket.create_connection(("127.0.0.1", port)) for i in range(connections)]
for s in held:
    s.sendall(b"x")
for i in range(attempts):
    socket.socket().connect_ex(("10.9.8.7", i + 1))
os._exit(0)
`, strconv.Itoa(h.port()), strconv.Itoa(connections), strconv.Itoa(attempts))
	c.Stderr = os.Stderr
	c.Refused = func(r Refusal) {
		lock.Lock()
		defer lock.Unlock()
		told[r.Error()] = true
	}
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	received := 0
	for tries := 0; received < connections && tries < 100; tries++ {
		time.Sleep(20 * time.Millisecond)
		h.lock.Lock()
		received = len(h.received)
		h.lock.Unlock()
	}
	lock.Lock()
	defer lock.Unlock()
	if received != connections || len(told) != attempts+1 || !told["512 connections are open, and others wait"] {
		t.Errorf("%d connections arrived of %d; told: %d of %d, %v", received, connections, len(told), attempts+1, told)
	}
}

// The helper has its sockets, what it says to its caller and nothing that the caller has
// left open.
func TestHelperInheritsNothing(t *testing.T) {
	withHelper(t)
	h := newHost(t, "127.0.0.1:0")
	secret, err := os.Create(filepath.Join(t.TempDir(), "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	const low, high = 60, 900 // below the helper's sockets with a wildcard, and above
	for _, fd := range []int{low, high} {
		if err := unix.Dup3(int(secret.Fd()), fd, 0); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
	}
	control, _ := exec.Command("ls", "-l", "/proc/self/fd").Output()
	if strings.Count(string(control), secret.Name()) != 2 {
		t.Errorf("the control: %s", control)
	}

	for _, more := range []Service{{"127.0.0.1", h.port() + 1, false}, {"*.wild.test", 1, true}} {
		c := Command(Policy{Dir: "/tmp", Services: []Service{{"127.0.0.1", h.port(), false}, more}}, "bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d; echo open; read", h.port()))
		in, wake := io.Pipe()
		said, out := io.Pipe()
		c.Stdin, c.Stdout = in, out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(said).ReadString('\n'); line != "open\n" {
			t.Fatal(line, err)
		}
		if open, err := helperDescriptors(t); err != nil || strings.Contains(open, secret.Name()) || strings.Count(open, "socket:") < 5 {
			t.Errorf("with %v it has %s, %v", more, open, err)
		}
		wake.Close()
		if err := c.Wait(); err != nil && kindOf(err) != "" {
			t.Error(err)
		}
	}
}

// helperDescriptors returns what the helper of a running sandbox has open, once it has
// connected outside.
func helperDescriptors(t *testing.T) (string, error) {
	t.Helper()
	for range 250 {
		for _, pid := range strings.Fields(children(t)) {
			comm, _ := os.ReadFile("/proc/" + pid + "/comm")
			out, err := exec.Command("ls", "-l", "/proc/"+pid+"/fd").Output()
			if string(comm) == helper+"\n" && strings.Contains(string(out), "eventpoll") {
				return string(out), err
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return "", errors.New("there is no helper")
}

// A start waits while other processes of the user have many descriptors on their way
// (unix(7), ETOOMANYREFS), for a while.
func TestDoorsWaitForOthers(t *testing.T) {
	withHelper(t)
	limitDescriptors(t, 512)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		if err := unix.Sendmsg(pair[0], []byte{0}, unix.UnixRights(slices.Repeat([]int{0}, 100)...), nil, 0); err != nil {
			t.Fatal(err)
		}
	}

	p := Policy{Dir: "/", Services: []Service{{"127.0.0.1", 1, false}}}
	if err := Command(p, "true").Run(); kindOf(err) != KindDescriptors {
		t.Errorf("while nobody receives them: %v", err)
	}
	time.AfterFunc(300*time.Millisecond, func() { closeAll(pair[:]) })
	if err := Command(p, "true").Run(); err != nil {
		t.Errorf("when they are received meanwhile: %v", err)
	}
}

// A Cmd that could not start leaves nothing that a second try would close again.
func TestStartTwiceWithServices(t *testing.T) {
	withHelper(t)
	c := Command(Policy{Dir: "/", Services: []Service{{"127.0.0.1", 1, false}}}, "/no/such/program")
	if err := c.Start(); err == nil {
		t.Fatal("it starts")
	}
	var others []*os.File
	for range 12 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, f)
	}
	c.Policy.Hostname = "\x00"
	if err := c.Start(); err == nil {
		t.Fatal("it starts")
	}
	for _, f := range others {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// limitDescriptors says how many descriptors this process may have until the test ends.
func limitDescriptors(t *testing.T, most uint64) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &before) })
}

// Where too few files may be open, that is what is said.
func TestServicesWithFewDescriptors(t *testing.T) {
	withHelper(t)
	for limit := uint64(countDescriptors(t) + 8); limit < 480; limit += 16 {
		limitDescriptors(t, limit)
		var refused []string
		c := Command(Policy{Dir: "/", Services: []Service{{"*.wild.test", 1, true}}}, "bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/1")
		c.Refused = func(r Refusal) { refused = append(refused, r.Error()) }
		err := c.Run()
		var exit *ExitError
		served := errors.As(err, &exit) && slices.Equal(refused, []string{"refused: 192.0.2.1:1"})
		if !served && !errors.Is(err, unix.EMFILE) {
			t.Errorf("with %d: %v, %q", limit, err, refused)
		}
	}
}

// A program that opens thousands of connections gets them served a few hundred at a
// time, and costs its caller no descriptor.
func TestManyConnections(t *testing.T) {
	withHelper(t)
	h := newHost(t, "127.0.0.1:0")
	before := countDescriptors(t)
	c := Command(Policy{Dir: "/tmp", Services: []Service{{"127.0.0.1", h.port(), false}}}, "python3", "-c", `
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
held = []
for i in range(700):
    s = socket.socket()
    s.settimeout(3)
    try:
        s.connect(("127.0.0.1", int(sys.argv[1])))
    except OSError:
        break
    held.append(s)
print(len(held) > 500, flush=True)
sys.stdin.readline()
for s in held:
    s.close()
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"after")
s.shutdown(socket.SHUT_WR)
print(s.makefile().read())
`, strconv.Itoa(h.port()))
	var out strings.Builder
	in, wake := io.Pipe()
	told := make(chan Refusal, 100)
	c.Stdin, c.Stdout, c.Stderr = in, &out, &out
	c.Refused = func(r Refusal) { told <- r }
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-told:
		if r.Error() != "512 connections are open, and others wait" {
			t.Error(r.Error())
		}
	case <-time.After(20 * time.Second):
		t.Error("nothing was told")
	}
	if now := countDescriptors(t); now > before+40+2*h.most {
		t.Errorf("%d descriptors before, %d now, with %d connections at the host", before, now, h.most)
	}
	wake.Write([]byte("\n"))
	wake.Close()
	if err := c.Wait(); err != nil || out.String() != "True\nafter\n" {
		t.Errorf("%v, %s", err, &out)
	}
	if h.most > 512 || h.most < 100 {
		t.Errorf("the host had %d connections at a time", h.most)
	}
}

// Nothing stays, of the helper either, however a sandbox ends; and none is started for
// a program that reaches nothing.
func TestHelperEnds(t *testing.T) {
	withHelper(t)
	h := newHost(t, "127.0.0.1:0")
	before, threads := countDescriptors(t), runtime.NumGoroutine()
	for _, script := range []string{"true", fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d; echo x >&3; read -t 0.2 <&3; kill -9 $$", h.port()), "no-such-program"} {
		Command(Policy{Dir: "/tmp", Services: []Service{{"127.0.0.1", h.port(), false}}}, "bash", "-c", script).Run()
	}
	Command(Policy{Dir: "/tmp", Services: []Service{{"127.0.0.1", h.port(), false}}}, "/no/such/program").Run()
	if err := Command(Policy{Dir: "/tmp", Mounts: []Mount{ReadOnly("/no/such")}, Services: []Service{{"127.0.0.1", h.port(), false}}}, "true").Run(); err == nil {
		t.Error("the control: it ran")
	}
	for tries := 0; countDescriptors(t) > before || runtime.NumGoroutine() > threads || children(t) != ""; tries++ {
		if tries == 100 {
			t.Fatalf("%d descriptors before, %d after; %d goroutines before, %d after; children %q", before, countDescriptors(t), threads, runtime.NumGoroutine(), children(t))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// children returns the numbers of this process's children.
func children(t *testing.T) string {
	t.Helper()
	var all []string
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		all = append(all, strings.Fields(string(text))...)
	}
	return strings.Join(all, " ")
}

// Without the helper there is no sandbox.
func TestNoHelper(t *testing.T) {
	t.Setenv("PATH", "/usr/bin:/bin")
	err := Command(Policy{Dir: "/tmp", Services: []Service{{"127.0.0.1", 1, false}}}, "true").Run()
	if kindOf(err) != KindNoHelper {
		t.Errorf("%v", err)
	}
}
