package launcher

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestChannelsLeadToTheirPorts(t *testing.T) {
	for _, test := range []struct {
		name  string
		setup setup
	}{
		{"own network", setup{}},
		{"host's network", setup{options: []string{"--network=host"}}},
		{"any address", setup{json: map[string]any{"ip": "0.0.0.0"}}},
		{"sockets, relative", setup{json: ipc("kernel-ipc")}},
		{"sockets, host's network", setup{json: ipc("kernel-ipc"), options: []string{"--network=host"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := startSession(t, test.setup)
			for _, channel := range channels {
				if got := k.ask(channel, "channel"); got != channel {
					t.Errorf("on the %s channel answers %v", channel, got)
				}
			}
			k.ask("shell", "exit 0")
			if status, _ := k.wait(); status != 0 {
				t.Errorf("status %d", status)
			}
			if left, _ := filepath.Glob(k.cmd.Dir + "/*"); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func ipc(prefix string) map[string]any {
	changes := map[string]any{"transport": "ipc", "ip": prefix}
	for i, channel := range channels {
		changes[channel+"_port"] = i + 1
	}
	return changes
}

func TestSocketsOfAKilledLauncherAreReplaced(t *testing.T) {
	dir := t.TempDir()
	first := startSession(t, setup{json: ipc("k"), dir: dir})
	first.cmd.Process.Kill()
	first.wait()
	second := startSession(t, setup{json: ipc("k"), dir: dir})
	if got := second.ask("shell", "channel"); got != "shell" {
		t.Errorf("answers %v", got)
	}
	third := prepare(t, setup{json: ipc("k"), dir: dir})
	third.start()
	if line := third.line(); !strings.Contains(line, "address already in use") {
		t.Errorf("took over the sockets of a living one: %s", line)
	}
}

func TestOneAnswerForEachHeldClient(t *testing.T) {
	k := prepare(t, setup{})
	k.start()
	// The launcher listens long before the kernel does.
	var conn net.Conn
	for err := error(syscall.ECONNREFUSED); err != nil; {
		conn, err = net.Dial("tcp", k.connection.place("shell"))
	}
	defer conn.Close()
	fmt.Fprintln(conn, "channel")
	answer := make([]byte, len("\"shell\"\n"))
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Read(answer); err != nil || string(answer) != "\"shell\"\n" {
		t.Errorf("got %q, %v", answer, err)
	}
}

func TestRestartOnTheSamePorts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kernel-1.json")
	ports := freePorts(t)
	for range 20 {
		k := startSession(t, setup{file: file, json: ports})
		conn := k.dial("shell")
		if got := k.ask("shell", "channel"); got != "shell" {
			t.Fatalf("answers %v", got)
		}
		syscall.Kill(-k.cmd.Process.Pid, syscall.SIGKILL)
		k.wait()
		conn.Close()
	}
}

func TestStatus(t *testing.T) {
	for _, status := range []int{0, 7, 255} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			k := startSession(t, setup{})
			if got := k.ask("control", fmt.Sprint("exit ", status)); got != "last answer" {
				t.Errorf("its last answer: %v", got)
			}
			got, took := k.wait()
			if got != status || took > 5*time.Second {
				t.Errorf("status %d after %v, want %d", got, took, status)
			}
			if line := k.line(); line != "last line" {
				t.Errorf("its last line: %q", line)
			}
		})
	}
}

// When a limit ends a kernel, its last line says which one.
func TestLimitThatEndsTheKernel(t *testing.T) {
	k := startSession(t, setup{options: []string{"--time", "1.5"}})
	if line := k.line(); line != "isolate-kernel: ended at the time limit of 1.5s (--time)" {
		t.Errorf("its last line: %q", line)
	}
	if got, _ := k.wait(); got != 128+9 {
		t.Errorf("status %d", got)
	}
}

func TestComplaints(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	port := taken.Addr().(*net.TCPAddr).Port
	home, runtime := t.TempDir(), t.TempDir()
	tests := []struct {
		name   string
		setup  setup
		argv   []string // in place of the usual ones
		status int
		want   string
	}{
		{
			name: "a port is taken", setup: setup{json: map[string]any{"stdin_port": port}}, status: 125,
			want: fmt.Sprintf("listen for the stdin channel: address already in use: 127.0.0.1:%d; start the kernel again: Jupyter picks other ports", port),
		},
		{
			name: "no address of this machine", setup: setup{json: map[string]any{"ip": "192.0.2.1"}}, status: 125,
			want: ": cannot assign requested address: 192.0.2.1:",
		},
		{
			name: "a host name", setup: setup{json: map[string]any{"ip": "example.org"}}, status: 125,
			want: "; check the ip in Jupyter's settings (KernelManager.ip)",
		},
		{
			name: "a long path of sockets", setup: setup{json: ipc("/tmp/" + strings.Repeat("x", 110))}, status: 125,
			want: "file name too long (the path of a socket has 107 bytes at most)",
		},
		{
			name: "a registration file", setup: setup{json: map[string]any{"registration_port": 1}}, status: 125,
			want: "read the connection file: a registration file (JEP 66) asks for a handshake that is not supported",
		},
		{
			name: "the home directory", setup: setup{dir: home, env: map[string]string{"HOME": home}}, status: 125,
			want: "that would show the whole home directory; work in a directory below it",
		},
		{
			name: "the directory of the connection file", setup: setup{dir: runtime, file: runtime + "/kernel-1.json"}, status: 125,
			want: ": connection files of other kernels lie there; have the program that starts the kernel put them elsewhere, as by MultiKernelManager(connection_dir=",
		},
		{
			name: "the directory of the connection file, which is another mount", status: 125,
			setup: setup{file: runtime + "/kernel-1.json", options: []string{"-m", runtime}},
			want:  ": connection files of other kernels lie there; put the notebook into a directory of its own",
		},
		{
			name: "Jupyter's runtime directory", status: 125,
			setup: setup{dir: runtime, file: runtime + "/kernel-1.json", env: map[string]string{"JUPYTER_RUNTIME_DIR": runtime}},
			want:  ": connection files of other kernels lie there; put the notebook into a directory of its own",
		},
		{
			name: "the directory of others' connection files", setup: setup{dir: "/tmp", env: map[string]string{"TMPDIR": ""}}, status: 125,
			want: "mount /tmp: connection files of other kernels lie there",
		},
		{
			name: "a directory that isn't there", setup: setup{env: map[string]string{"MNTDIRS": ". /does/not/exist"}}, status: 125,
			want: "/does/not/exist: no such file or directory",
		},
		{name: "an option that isn't there", argv: []string{"--no-such-option"}, status: 125, want: `read the options: "--no-such-option" is no option`},
		{name: "no such kernel", argv: []string{"--", "/no/such/kernel", "FILE"}, status: 127, want: "run /no/such/kernel: not found inside the sandbox"},
		{name: "not a program", argv: []string{"--", "/etc/hosts", "FILE"}, status: 126, want: "run /etc/hosts: permission denied"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := prepare(t, test.setup)
			if test.argv != nil {
				for i, arg := range test.argv {
					test.argv[i] = strings.Replace(arg, "FILE", k.file, 1)
				}
				k.cmd.Args = append(k.cmd.Args[:1], test.argv...)
			}
			out, err := k.cmd.CombinedOutput()
			if _, ok := err.(*exec.ExitError); !ok {
				t.Fatal(err)
			}
			line := strings.TrimSuffix(string(out), "\n")
			if status := k.cmd.ProcessState.ExitCode(); status != test.status || strings.Contains(line, "\n") ||
				!strings.HasPrefix(line, "isolate-kernel: ") || !strings.Contains(line, test.want) {
				t.Errorf("status %d: %s\nwant %d: %s", status, out, test.status, test.want)
			}
		})
	}
}

// A name makes no line of its own, and steers no terminal. The control is the
// name.
func TestComplaintIsOneLine(t *testing.T) {
	const name = "gone\x1b[2J\u202e\nisolate-kernel: all is well"
	for what, setup := range map[string]setup{
		"a directory": {options: []string{"--mount=/" + strings.NewReplacer("\n", "\\\n", " ", `\ `).Replace(name)}},
		"an option":   {options: []string{"--" + name}},
	} {
		t.Run(what, func(t *testing.T) {
			k := prepare(t, setup)
			k.start()
			all, err := io.ReadAll(k.output)
			if err != nil {
				t.Fatal(err)
			}
			if said := string(all); strings.Count(said, "\n") != 1 || !strings.Contains(said, `gone\x1b[2J\u202e\nisolate-kernel: all`) {
				t.Errorf("it says %q", said)
			}
		})
	}
}
