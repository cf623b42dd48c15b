package isolate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v5"
	"golang.org/x/sys/unix"
)

// watched returns in(dir) with Missed.
func watched(dir string) Policy {
	p := in(dir)
	p.Missed = true
	return p
}

// runMissed runs a script inside and returns what it missed: each entry, or reason,
// with its files, and each connection.
func runMissed(t *testing.T, p Policy, script string) []string {
	t.Helper()
	cmd := Command(p, "sh", "-c", script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Run()
	m := cmd.Report().Missed
	if m == nil {
		t.Fatalf("no report: %s", &out)
	}
	if m.Incomplete != "" {
		t.Errorf("incomplete: %s", m.Incomplete)
	}

	var all []string
	for _, g := range m.Groups {
		line := g.Entry() + g.Reason + ":"
		for _, f := range g.Files {
			line += fmt.Sprintf(" %s %s %d", f.Use, f.Path, f.Count)
		}
		all = append(all, line)
	}
	for _, c := range m.Connections {
		all = append(all, fmt.Sprintf("%s %d", c.To, c.Count))
	}
	return all
}

// outsideDir returns a directory that is shown to nobody.
func outsideDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "outside")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMissedIsWhatTheSchemaSays(t *testing.T) {
	dir := outsideDir(t)
	odd := filepath.Join(dir, "odd\x1b\"\\\xff\u2028.csv")
	if err := os.WriteFile(odd, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := Command(watched(t.TempDir()), "sh", "-c", `cat "$0" "$1" "$1"`, odd, dir)
	cmd.Run()
	r := cmd.Report()
	var got map[string]any
	if err := json.Unmarshal(r.JSON(), &got); err != nil {
		t.Fatalf("%v\n%s", err, r.JSON())
	}
	if err := jsonschema.MustCompile("../share/report.schema.json").Validate(got); err != nil {
		t.Errorf("%v\n%s", err, r.JSON())
	}
	want := map[string]any{
		"groups": []any{
			map[string]any{"entry": "ro:" + dir, "reason": nil, "count": 2., "more": 0., "files": []any{
				map[string]any{"path": dir, "use": "read", "count": 2.},
			}},
			map[string]any{"entry": nil, "reason": "unwritten", "count": 1., "more": 0., "files": []any{
				map[string]any{"path": strings.ToValidUTF8(odd, "\ufffd"), "use": "read", "count": 1.},
			}},
		},
		"connections": []any{}, "incomplete": nil,
	}
	if diff := cmp.Diff(any(want), got["missed"]); diff != "" {
		t.Errorf("- want + got\n%s", diff)
	}
}

// What this user couldn't have used outside either isn't missed, nor what every program
// looks for.
func TestNotMissed(t *testing.T) {
	dir := outsideDir(t)
	at := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, script, want string }{
		{"a program", at("program", 0o755), "execute"},
		{"a file that is no program", at("file", 0o644), ""},
		{"a named pipe, which nobody opens", "cat " + fifo, "read"},
		{"nothing", "cat " + dir + "/none", ""},
		{"nothing, in another's place", "cat " + at("file", 0o644) + "/none", ""},
		{"what is made beside nothing", "mkdir " + dir + "/none/made", ""},
		{"what is there already", "mkdir " + dir, ""},
		{"the kernel's files", "cat /proc/kmsg /proc/1/maps /sys/kernel/uevent_seqnum", ""},
		{"what each program looks for", "getent hosts localhost; locale; id; date; ls -la / /etc /usr", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := strings.Join(runMissed(t, watched(t.TempDir()), test.script), "\n")
			if want := test.want != ""; want != (got != "") || !strings.Contains(got, test.want) {
				t.Errorf("missed %q, want %q", got, test.want)
			}
		})
	}
}

// A connection on the machine's loopback interface is missed if somebody listens there
// What lies among secrets isn't proposed under another name either.
func TestMissedSecretsByOtherNames(t *testing.T) {
	home, others := outsideDir(t), outsideDir(t)
	for _, name := range []string{".ssh/key", "work/data"} {
		if err := os.MkdirAll(filepath.Join(home, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{filepath.Join(others, "link")}
	if err := os.Symlink(home, names[0]); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		mount := filepath.Join(others, "mount")
		if err := os.Mkdir(mount, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(home, mount, "", unix.MS_BIND, ""); err == nil {
			t.Cleanup(func() { unix.Unmount(mount, unix.MNT_DETACH) })
			names = append(names, mount)
		}
	}

	for _, name := range names {
		p := watched(t.TempDir())
		p.Home = home
		got := runMissed(t, p, fmt.Sprintf("cat %s/.ssh/key; cat %s/work/data; ls %s", name, name, name))
		want := []string{fmt.Sprintf("ro:%s/work: read %s/work/data 1", name, name), fmt.Sprintf("secret: read %s/.ssh/key 1", name)}
		got = slices.DeleteFunc(got, func(line string) bool { return strings.HasPrefix(line, "wide:") })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want - got +:\n%s", diff)
		}
	}
}

// outside, and nobody inside.
func TestMissedConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	all, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()
	path := filepath.Join(outsideDir(t), "socket")
	service, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()

	port := func(l net.Listener) string { return fmt.Sprint(l.Addr().(*net.TCPAddr).Port) }
	connect := func(family, to string) string {
		return fmt.Sprintf("/usr/bin/python3 -c 'import socket; s = socket.socket(socket.AF_%s); s.connect(%s)'", family, to)
	}
	for _, test := range []struct{ name, script, want string }{
		{"listened to", connect("INET", `("127.0.0.1", `+port(l)+")"), l.Addr().String() + " 1"},
		{"by its name", connect("INET", `("localhost", `+port(l)+")"), l.Addr().String() + " 1"},
		{"on all addresses", connect("INET6", `("::1", `+port(all)+")"), "[::1]:" + port(all) + " 1"},
		{"nobody listens", connect("INET", `("127.0.0.1", `+nobody[strings.LastIndex(nobody, ":")+1:]+")"), ""},
		{"elsewhere", connect("INET", `("192.0.2.1", 5432)`), "192.0.2.1:5432 1"},
		{"elsewhere, by IPv6", connect("INET6", `("2001:db8::1", 5432)`), "[2001:db8::1]:5432 1"},
		{"somebody inside listens", `/usr/bin/python3 -c 'import socket
l = socket.create_server(("127.0.0.1", ` + port(l) + `)); socket.create_connection(("127.0.0.1", ` + port(l) + `))'`, ""},
		{"a service", connect("UNIX", `"`+path+`"`), "service: look " + path + " 1"},
		{"a name", "getent hosts data.example.org", "data.example.org"},
		{"a name by another call", "getent ahosts data.example.org", "data.example.org"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := strings.Join(runMissed(t, watched(t.TempDir()), test.script), "\n")
			if got != test.want && !(strings.HasPrefix(got, "data.example.org ") && test.want == "data.example.org") {
				t.Errorf("missed %q, want %q", got, test.want)
			}
		})
	}

	if got := runMissed(t, watched(t.TempDir()), connect("INET", `("192.0.2.1", 5432)`)+"; getent hosts data.example.org"); len(got) != 2 {
		t.Errorf("the control missed %q", got)
	}
	p := watched(t.TempDir())
	p.Network = NetworkHost
	if got := runMissed(t, p, connect("INET", `("127.0.0.1", `+port(l)+")")); got != nil {
		t.Errorf("with the host's network it missed %q", got)
	}
}

// The calls of all threads and processes are answered, also if signals come between, and
// each is counted.
func TestMissedByMany(t *testing.T) {
	file := filepath.Join(outsideDir(t), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	const script = `/usr/bin/python3 -c '
import os, signal, sys, threading
signal.signal(signal.SIGALRM, lambda *a: None)
signal.siginterrupt(signal.SIGALRM, False)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
def look():
    for i in range(50): os.path.exists(sys.argv[1])
for i in range(3): os.fork()
threads = [threading.Thread(target=look) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()
try:
    while True: os.wait()
except ChildProcessError: pass
' `
	got := runMissed(t, watched(t.TempDir()), script+file)
	want := []string{"ro:" + filepath.Dir(file) + ": look " + file + " 1600"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("- want + got\n%s", diff)
	}
}

// While mounts come and go on the machine, the kernel gives up on some paths with "..".
func TestMissedWhileMountsChange(t *testing.T) {
	const change = `
import ctypes
mount, bind_remount = ctypes.CDLL(None).mount, 0x1020
assert mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0
print(flush=True)
while mount(None, b"/tmp", None, bind_remount, None) == 0: pass
`
	changes := exec.Command("unshare", "--user", "--map-root-user", "--mount", "/usr/bin/python3", "-c", change)
	begun, err := changes.StdoutPipe()
	if err == nil {
		err = changes.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { changes.Process.Kill(); changes.Wait() }()
	if _, err := begun.Read(make([]byte, 1)); err != nil {
		t.Fatal("no mounts could be changed")
	}

	dir := outsideDir(t)
	const script = `i=0; while [ $i -lt 300 ]; do [ -e %s%s ]; i=$((i+1)); done`
	got := runMissed(t, watched(t.TempDir()), fmt.Sprintf(script, strings.Repeat("/usr/bin/../..", 10), dir))
	want := []string{"ro:" + dir + ": look " + dir + " 300"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("- want + got\n%s", diff)
	}
}

// A program that looks for something without an end can be killed, and ends at a limit.
func TestMissedWithoutEnd(t *testing.T) {
	p := watched(t.TempDir())
	p.Limits.Time = 300 * time.Millisecond
	cmd := Command(p, "sh", "-c", "while :; do test -e /srv/none; done & while :; do test -e /srv/other; done")
	started := time.Now()
	cmd.Run()
	if r := cmd.Report(); r.Limit != "time" || r.Missed == nil || time.Since(started) > 5*time.Second {
		t.Errorf("after %v: %+v", time.Since(started), r)
	}
}

// Nothing is left of a listener: no descriptor, whether the program runs or not.
func TestMissedLeavesNothing(t *testing.T) {
	Command(watched(t.TempDir()), "true").Run()
	open := countDescriptors(t)
	for _, program := range []string{"true", "no-such-program"} {
		Command(watched(t.TempDir()), program).Run()
	}
	now := countDescriptors(t)
	for end := time.Now().Add(5 * time.Second); now > open && time.Now().Before(end); now = countDescriptors(t) {
		time.Sleep(10 * time.Millisecond) // nobody waits for the listener of a program that wasn't executed
	}
	if now > open {
		t.Errorf("%d descriptors, before it %d", now, open)
	}
}

// What a service's helper refuses, it says itself.
func TestMissedWithServices(t *testing.T) {
	withHelper(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := watched(t.TempDir())
	p.Services = []Service{{"127.0.0.1", l.Addr().(*net.TCPAddr).Port, false}}
	script := fmt.Sprintf(`/usr/bin/python3 -c 'import socket
socket.create_connection(("127.0.0.1", %d), 5)
for to in ("192.0.2.1", "data.example.org"):
    try: socket.create_connection((to, 5432), 5)
    except OSError as e: last = e
raise SystemExit("no error" if last is None else 0)'`, l.Addr().(*net.TCPAddr).Port)

	var refused []string
	cmd := Command(p, "sh", "-c", script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Refused = func(r Refusal) { refused = append(refused, r.About) }
	err = cmd.Run()
	slices.Sort(refused)
	if want := []string{"192.0.2.1:5432", "data.example.org"}; err != nil || !slices.Equal(refused, want) || cmd.Report().Missed.Connections != nil {
		t.Errorf("%v %s: refused %q, want %q; missed %+v", err, &out, refused, want, cmd.Report().Missed)
	}
}

// A name that no host can have isn't proposed, whatever a program writes into its queries.
func TestMissedNames(t *testing.T) {
	w, err := newWatcher(&Policy{Missed: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.example.org", "A.Example.org", "$(id).example.org", "a b.org", "a\x1b[31m.org", "a'.org", "10.0.0.1", "*.org"} {
		w.ask(name)
	}
	if diff := cmp.Diff(map[string]int{"a.example.org": 2}, w.names); diff != "" {
		t.Errorf("want - got +:\n%s", diff)
	}
}
