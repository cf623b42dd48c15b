package launcher

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The test binary is also the launcher, and the kernel that it runs: a program
// that listens on its connection file's ports and obeys lines on any of them.
func TestMain(m *testing.M) {
	switch os.Getenv("LAUNCHER_TEST") {
	case "launcher":
		status, _ := Run(os.Args[1:], os.Stdout, os.Stderr)
		os.Exit(status)
	case "front end":
		frontEnd(os.Args[1:])
	case "kernel":
		fakeKernel(os.Args[1:])
	case "client":
		fmt.Println(answerTo(os.Args[1], "channel"))
	default:
		os.Exit(m.Run())
	}
}

// frontEnd starts a launcher as a child of its own, as Jupyter does.
func frontEnd(argv []string) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "LAUNCHER_TEST=launcher", fmt.Sprint("JPY_PARENT_PID=", os.Getpid()))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("launcher", cmd.Process.Pid)
	cmd.Wait()
}

func fakeKernel(args []string) {
	text, err := os.ReadFile(args[0])
	if err != nil {
		fmt.Println(err)
		os.Exit(3)
	}

	c, err := parseConnectionFile(text)
	if err != nil {
		fmt.Println(err)
		os.Exit(3)
	}

	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGUSR1)
	go func() {
		for s := range signals {
			fmt.Println("signal", s)
		}
	}()

	var accepted atomic.Int64
	for _, channel := range channels {
		network, address := "tcp", c.place(channel)
		if c.ipc {
			network = "unix"
		}
		l, err := net.Listen(network, address)
		if err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				accepted.Add(1)
				go obey(channel, conn, args, &accepted)
			}
		}()
	}

	fmt.Println("listening")
	select {}
}

// obey answers each line of a client with one line.
func obey(channel string, conn net.Conn, args []string, accepted *atomic.Int64) {
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		verb, object, _ := strings.Cut(lines.Text(), " ")
		var answer any
		var err error
		switch verb {
		case "channel":
			answer = channel
		case "accepted":
			answer = accepted.Load()
		case "args":
			answer = args
		case "env":
			answer = os.Environ()
		case "dir":
			answer, err = os.Getwd()
		case "list":
			var entries []os.DirEntry
			entries, err = os.ReadDir(object)
			names := []string{}
			for _, e := range entries {
				names = append(names, e.Name())
			}
			answer = names
		case "read":
			var text []byte
			text, err = os.ReadFile(object)
			answer = string(text)
		case "write":
			err = os.WriteFile(object, []byte("changed"), 0o600)
		case "dial":
			network, address, _ := strings.Cut(object, " ")
			var c net.Conn
			if c, err = net.DialTimeout(network, address, time.Second); err == nil {
				c.Close()
			}
		case "fd":
			answer, err = os.Readlink("/proc/self/fd/" + object)
		case "stubborn":
			signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		case "print":
			fmt.Println(object)
		case "quit": // without a word
			status, _ := strconv.Atoi(object)
			os.Exit(status)
		case "exit":
			status, _ := strconv.Atoi(object)
			fmt.Println("last line")
			conn.Write([]byte(`"last answer"` + "\n"))
			os.Exit(status)
		}
		if err != nil {
			answer = "error: " + err.Error()
		}
		reply, _ := json.Marshal(answer)
		conn.Write(append(reply, '\n'))
	}
}

// answerTo returns what a kernel at the address answers to a line, or "" if nothing.
func answerTo(address, line string) string {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintln(conn, line)
	answer, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(answer)
}

// A session is a running launcher with a fake kernel in it.
type session struct {
	*testing.T
	cmd        *exec.Cmd
	file       string // connection file
	connection *connectionFile
	output     *bufio.Reader // stdout and stderr
	stdout     *os.File
}

// A setup is how a session differs from the plain one.
type setup struct {
	options  []string
	trailing []string
	dir      string            // working directory; default: a fresh one
	file     string            // connection file; default: in a fresh directory
	json     map[string]any    // changes to the connection file
	env      map[string]string // changes to the environment
	mount    string            // script that mounts, in a namespace of the launcher's own
}

// startSession starts a launcher the way Jupyter does, and waits for the
// kernel to listen.
func startSession(t *testing.T, s setup) *session {
	t.Helper()
	k := prepare(t, s)
	k.start()
	if line := k.line(); line != "listening" {
		t.Fatalf("instead of listening: %s", line)
	}
	return k
}

func prepare(t *testing.T, s setup) *session {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	if s.file == "" {
		s.file = filepath.Join(t.TempDir(), "kernel-1.json")
	}

	k := &session{T: t, file: s.file}
	content := freePorts(t)
	maps.Copy(content, s.json)
	text, _ := json.Marshal(content)
	if err := os.WriteFile(s.file, text, 0o600); err != nil {
		t.Fatal(err)
	}

	k.connection, _ = parseConnectionFile(text)
	args := append(s.options, "--env", "LAUNCHER_TEST=kernel", "--", self, s.file)
	argv := append(append([]string{self}, args...), s.trailing...)
	if s.mount != "" {
		script := []string{"unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", s.mount + `; cd .; exec "$0" "$@"`}
		argv = append(script, argv...)
	}
	k.cmd = exec.Command(argv[0], argv[1:]...)
	k.cmd.Dir = s.dir
	k.cmd.Env = append(os.Environ(), "LAUNCHER_TEST=launcher", "MNTDIRS=.", "MNTDIRS_KERNEL=ro:"+self, "HOME="+t.TempDir())
	for name, value := range s.env {
		k.cmd.Env = append(k.cmd.Env, name+"="+value)
	}
	k.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return k
}

func freePorts(t *testing.T) map[string]any {
	content := map[string]any{"ip": "127.0.0.1", "key": "secret", "transport": "tcp", "signature_scheme": "hmac-sha256"}
	for _, channel := range channels {
		l := listenAnywhere(t)
		defer l.Close()
		content[channel+"_port"] = l.Addr().(*net.TCPAddr).Port
	}
	return content
}

// listenAnywhere takes a port below those that the system gives to connections,
// which other tests make at the same time.
func listenAnywhere(t testing.TB) net.Listener {
	t.Helper()
	for {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10000+rand.N(20000)))
		if err == nil {
			return l
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
	}
}

func (k *session) start() {
	k.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		k.Fatal(err)
	}
	k.cmd.Stdout, k.cmd.Stderr = w, w
	if err := k.cmd.Start(); err != nil {
		k.Fatal(err)
	}
	w.Close()
	k.stdout, k.output = r, bufio.NewReader(r)
	r.SetReadDeadline(time.Now().Add(30 * time.Second))
	k.Cleanup(func() {
		k.cmd.Process.Kill()
		k.cmd.Wait()
		r.Close()
	})
}

// line returns the next line of the launcher's output.
func (k *session) line() string {
	k.Helper()
	line, err := k.output.ReadString('\n')
	if err != nil && err != io.EOF {
		k.Fatalf("the launcher's output: %v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (k *session) dial(channel string) net.Conn {
	k.Helper()
	network, address := "tcp", k.connection.place(channel)
	if k.connection.ipc {
		network, address = "unix", filepath.Join(k.cmd.Dir, address)
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// ask sends one line and returns the answer.
func (k *session) ask(channel, question string) any {
	k.Helper()
	conn := k.dial(channel)
	defer conn.Close()
	fmt.Fprintln(conn, question)
	var answer any
	if err := json.NewDecoder(conn).Decode(&answer); err != nil {
		k.Fatalf("%s: %v", question, err)
	}
	return answer
}

// wait returns the launcher's exit status and how long it took to end.
func (k *session) wait() (status int, took time.Duration) {
	k.Helper()
	start := time.Now()
	done := make(chan error, 1)
	go func() { done <- k.cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		k.Fatal("the launcher does not end")
	}
	state := k.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if state.Signaled() {
		return -int(state.Signal()), time.Since(start)
	}
	return state.ExitStatus(), time.Since(start)
}
