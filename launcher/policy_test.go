package launcher

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"isolate-namespace/isolate"
)

func TestConnectionFileIsPrivate(t *testing.T) {
	runtime := t.TempDir()
	if err := os.WriteFile(runtime+"/jpserver-1.json", []byte("token"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := startSession(t, setup{file: runtime + "/kernel-1.json", json: map[string]any{"ip": "0.0.0.0", "unknown": 1}})
	before, _ := os.ReadFile(k.file)
	if diff := cmp.Diff([]any{"kernel-1.json"}, k.ask("shell", "list "+runtime)); diff != "" {
		t.Error(diff)
	}
	want := strings.Replace(string(before), "0.0.0.0", "127.0.0.1", 1)
	if got := k.ask("shell", "read "+k.file); got != want {
		t.Errorf("the kernel's copy: %v\nwant %s", got, want)
	}
	if got := k.ask("shell", "write "+k.file); got != nil {
		t.Errorf("the copy is not writable: %v", got)
	}
	if after, _ := os.ReadFile(k.file); string(after) != string(before) {
		t.Errorf("the real file changed: %s", after)
	}
}

// A directory inside the working directory that holds connection files is
// private even though the working directory is not.
func TestConnectionFileBelowTheWorkingDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/runtime", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/runtime/kernel-2.json", []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := startSession(t, setup{dir: dir, file: dir + "/runtime/kernel-1.json"})
	if diff := cmp.Diff([]any{"kernel-1.json"}, k.ask("shell", "list "+dir+"/runtime")); diff != "" {
		t.Error(diff)
	}
}

// Where another directory is mounted in place of the connection file's, as /tmp=/scratch
// is for nbconvert, the kernel finds it elsewhere, and nothing is made in that directory.
func TestConnectionFileBelowAnotherDirectory(t *testing.T) {
	for _, prefix := range []string{"", "ro:", "cow:"} {
		for _, at := range []string{"/", "/runtime"} {
			place, disk := t.TempDir(), t.TempDir()
			if err := os.Mkdir(place+"/runtime", 0o700); err != nil {
				t.Fatal(err)
			}
			entry := prefix + filepath.Clean(place+at) + "=" + disk
			k := startSession(t, setup{file: place + "/runtime/kernel-1.json", options: []string{"-m", entry}})
			if diff := cmp.Diff([]any{"/run/kernel/kernel-1.json"}, k.ask("shell", "args")); diff != "" {
				t.Errorf("%s: %s", entry, diff)
			}
			if made, _ := os.ReadDir(disk); len(made) > 0 {
				t.Errorf("%s: has %v", entry, made)
			}
		}
	}
}

// Other kernels' connection files stay out of sight too where this one's isn't
// among them, and by whatever name a mount shows them.
func TestPlacesOfConnectionFilesAreEmpty(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	for _, name := range []string{"runtime", "data/runtime", "share/jupyter/runtime", "tmp", "other"} {
		if err := os.MkdirAll(dir+"/"+name, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+name+"/kernel-2.json", []byte("key"), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	if err := os.Symlink(dir, elsewhere+"/link"); err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct{ name, value, hidden string }{
		{"JUPYTER_RUNTIME_DIR", dir + "/runtime", "runtime"},
		{"JUPYTER_RUNTIME_DIR", elsewhere + "/link/runtime", "runtime"},
		{"JUPYTER_DATA_DIR", dir + "/data", "data/runtime"},
		{"XDG_DATA_HOME", dir + "/share", "share/jupyter/runtime"},
		{"TMPDIR", dir + "/tmp", "tmp"},
	} {
		for _, place := range []string{dir, "/elsewhere"} {
			k := startSession(t, setup{dir: dir, env: map[string]string{test.name: test.value}, options: []string{"-m", "/elsewhere=" + dir}})
			if diff := cmp.Diff([]any{}, k.ask("shell", "list "+place+"/"+test.hidden)); diff != "" {
				t.Errorf("%s=%s: in %s: %s", test.name, test.value, place, diff)
			}
			if diff := cmp.Diff([]any{"kernel-2.json"}, k.ask("shell", "list "+place+"/other")); diff != "" {
				t.Errorf("the control, in %s: %s", place, diff)
			}
		}
	}
}

func TestWorkingDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with a space")
	if err := os.MkdirAll(dir+"/sub", 0o700); err != nil {
		t.Fatal(err)
	}
	k := startSession(t, setup{dir: dir, env: map[string]string{"PWD": "/stale"}, trailing: []string{"--a=b", "c d"}})
	if got := k.ask("shell", "dir"); got != dir {
		t.Errorf("works in %v, want %s", got, dir)
	}
	if diff := cmp.Diff([]any{k.file, "--a=b", "c d"}, k.ask("shell", "args")); diff != "" {
		t.Error(diff)
	}
	if got := k.ask("shell", "write new"); got != nil {
		t.Errorf("write: %v", got)
	}
	if text, _ := os.ReadFile(dir + "/new"); string(text) != "changed" {
		t.Errorf("outside it reads %q", text)
	}
}

func TestMountOptionsAddToTheWorkingDirectory(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(data+"/table", []byte("1,2"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := startSession(t, setup{options: []string{"-m", "ro:" + data}})
	if got := k.ask("shell", "read "+data+"/table"); got != "1,2" {
		t.Errorf("read: %v", got)
	}
	if got, _ := k.ask("shell", "write "+data+"/table").(string); !strings.Contains(got, "read-only") {
		t.Errorf("write: %v", got)
	}
	if got := k.ask("shell", "list ."); got == nil {
		t.Error("the working directory is gone")
	}
}

func TestEnvironment(t *testing.T) {
	k := startSession(t, setup{
		options: []string{"--env", "COURSE", "--env=PATH=/usr/bin"},
		env: map[string]string{
			"COURSE": "101", "JUPYTERHUB_API_TOKEN": "sekret", "NBGRADER_EXECUTION": "autograde",
			"JPY_PARENT_PID": strconv.Itoa(os.Getpid()), "TMPDIR": "/nowhere",
		},
	})
	var env []string
	for _, entry := range k.ask("shell", "env").([]any) {
		env = append(env, entry.(string))
	}
	for _, want := range []string{"COURSE=101", "PATH=/usr/bin", "NBGRADER_EXECUTION=autograde", "JPY_PARENT_PID=1"} {
		if !slices.Contains(env, want) {
			t.Errorf("no %s in %q", want, env)
		}
	}

	names := map[string]bool{}
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		if names[name] {
			t.Errorf("%s is there twice", name)
		}
		names[name] = true
	}

	if !names["TMPDIR"] || slices.Contains(env, "TMPDIR=/nowhere") {
		t.Error("TMPDIR is the host's, or missing")
	}
	if names["JUPYTERHUB_API_TOKEN"] {
		t.Error("the token is there")
	}
	if text, _ := k.ask("shell", "read /proc/1/environ").(string); strings.Contains(text, "sekret") {
		t.Error("init shows the token")
	}
}

func TestNetworkIsItsOwn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	abstract, err := net.Listen("unix", fmt.Sprint("@isolate-test-", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	defer abstract.Close()
	places := []string{"tcp " + l.Addr().String(), "unix " + abstract.Addr().String()}

	private, shared := startSession(t, setup{}), startSession(t, setup{options: []string{"--network=host"}})
	for _, place := range append(places, "tcp "+shared.connection.place("iopub")) {
		if got := private.ask("shell", "dial "+place); got == nil {
			t.Errorf("reaches %s", place)
		}
	}
	// An abstract socket is out of reach even there (Landlock).
	for _, place := range []string{places[0], "tcp " + private.connection.place("iopub")} {
		if got := shared.ask("shell", "dial "+place); got != nil {
			t.Errorf("control: with the host's network %s: %v", place, got)
		}
	}
	if got := private.ask("shell", "dial tcp "+private.connection.place("hb")); got != nil {
		t.Errorf("its own port: %v", got)
	}
}

func TestExchangeIsHidden(t *testing.T) {
	// Only root can make the exchange; elsewhere the answer is that there is
	// none, or that it is empty.
	marker := filepath.Join(exchange, "exchange", fmt.Sprint("test-", os.Getpid()))
	if err := os.MkdirAll(marker, 0o755); err == nil {
		t.Cleanup(func() {
			os.RemoveAll(marker)
			os.Remove(filepath.Dir(marker)) // where they are empty, they were ours
			os.Remove(exchange)
		})
	}

	_, err := os.Stat(exchange)
	k := startSession(t, setup{})
	switch got := k.ask("shell", "list "+exchange).(type) {
	case []any:
		if len(got) > 0 {
			t.Errorf("shows %v", got)
		}
	default:
		if err == nil {
			t.Errorf("list: %v", got)
		}
	}
}

func TestOutputGoesThroughPipesOfOurs(t *testing.T) {
	k := startSession(t, setup{})
	k.ask("shell", "print hello")
	if line := k.line(); line != "hello" {
		t.Errorf("output: %q", line)
	}
	var info syscall.Stat_t
	if err := syscall.Fstat(int(k.stdout.Fd()), &info); err != nil {
		t.Fatal(err)
	}
	outer := fmt.Sprintf("pipe:[%d]", info.Ino)
	for fd := range 20 {
		if got := k.ask("shell", fmt.Sprint("fd ", fd)); got == outer {
			t.Errorf("descriptor %d is the front end's pipe", fd)
		}
	}
	if got := k.ask("shell", "fd 0"); got != "/dev/null" {
		t.Errorf("stdin is %v", got)
	}
}

// Of a flood of output the log gets what fits, whole, and one line; the kernel
// goes on and ends as it would. Without the limit the log gets all of it.
func TestOutputIsBounded(t *testing.T) {
	const piece = 60 << 10 // and a line end
	for _, c := range []struct {
		options []string
		pieces  int
		want    int64 // how much of the output arrives, or 0 for all
		said    string
	}{
		{nil, 290, 16 << 20, "isolate-kernel: the kernel's output reached the limit of 16M, the default: the rest is thrown away; --log-size none lifts it"},
		{[]string{"--log-size", "100K"}, 3, 100 << 10, "isolate-kernel: the kernel's output reached the limit of 100K (--log-size): the rest is thrown away"},
		{[]string{"--log-size", "none"}, 290, 0, ""},
		{[]string{"--log-size", "1M"}, 3, 0, ""},
	} {
		k := startSession(t, setup{options: c.options})
		rest := make(chan string)
		go func() {
			all, _ := io.ReadAll(k.output)
			rest <- string(all)
		}()
		for range c.pieces {
			k.ask("shell", "print "+strings.Repeat("x", piece))
		}
		fmt.Fprintln(k.dial("control"), "quit 7")
		if status, _ := k.wait(); status != 7 {
			t.Errorf("%v: status %d", c.options, status)
		}
		output, said, _ := strings.Cut(<-rest, "isolate-kernel: ")
		got := int64(len("listening\n") + len(output))
		if c.want == 0 {
			c.want = int64(len("listening\n") + c.pieces*(piece+1))
		} else {
			c.want++ // the end of the line that was cut
			said = "isolate-kernel: " + said
		}
		if got != c.want || strings.TrimSuffix(said, "\n") != c.said {
			t.Errorf("%v: %d bytes and %q, want %d", c.options, got, said, c.want)
		}
	}
}

// A front end that does not read the kernel's output may be waiting for the
// launcher's end.
func TestOutputThatNobodyReads(t *testing.T) {
	k := prepare(t, setup{})
	k.start()
	k.line()
	for range 3 {
		go func() { // blocks once the pipes are full
			if conn, err := net.Dial("tcp", k.connection.place("shell")); err == nil {
				fmt.Fprintln(conn, "print "+strings.Repeat("x", 60<<10))
			}
		}()
	}
	time.Sleep(100 * time.Millisecond)
	conn := k.dial("control")
	fmt.Fprintln(conn, "quit 7")
	if status, took := k.wait(); status != 7 || took > 5*time.Second {
		t.Errorf("status %d after %v", status, took)
	}
}

// A notebook is protected wherever its directory is shown for writing, and
// not what Jupyter writes beside it meanwhile.
func TestNotebooksAreProtectedByEveryName(t *testing.T) {
	course, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(course, "ps1")
	os.Mkdir(dir, 0o755)
	for _, name := range []string{"a.ipynb", ".~a.ipynb", "a.py"} {
		os.WriteFile(filepath.Join(dir, name), nil, 0o644)
	}

	os.Symlink(course, filepath.Join(course, "link"))
	p := isolate.Policy{Dir: dir, Home: "/home/tester", Mounts: []isolate.Mount{
		isolate.Writable(dir),
		isolate.Writable(filepath.Join(course, "link")).At("/course"),
		isolate.ReadOnly(course).At("/read"),
		isolate.CopyOnWrite(course).At("/copy"),
		isolate.Writable(course).At("/hidden"),
		isolate.Masked("/hidden/ps1"),
	}}
	if err := protectNotebooks(&p); err != nil {
		t.Fatal(err)
	}
	tree, err := p.Tree()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range tree {
		if filepath.Ext(entry.Path) == ".ipynb" {
			got = append(got, entry.Path)
		}
	}
	if want := []string{"/course/ps1/a.ipynb", dir + "/a.ipynb"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A notebook that has another name, or is one of very many, can't be protected.
// That is an error where it needs to be.
func TestNotebooksThatCantBeProtected(t *testing.T) {
	linked, many := t.TempDir(), t.TempDir()
	os.WriteFile(filepath.Join(linked, "a b.ipynb"), nil, 0o644)
	os.Link(filepath.Join(linked, "a b.ipynb"), filepath.Join(linked, ".x"))
	for i := range mostNotebooks + 1 {
		os.WriteFile(filepath.Join(many, fmt.Sprint(i, ".ipynb")), nil, 0o644)
	}

	for _, c := range []struct {
		name, dir string
		s         setup
		want      string
	}{
		{"another name", linked, setup{}, "isolate-kernel: protect " + linked + "/a b.ipynb: it has 2 names (hard links), of which the program could use another; " +
			"cp '" + linked + "/a b.ipynb' '" + linked + "/a b.ipynb'.new && mv '" + linked + "/a b.ipynb'.new '" + linked + "/a b.ipynb'"},
		{"another name, read-only", linked, setup{env: map[string]string{"MNTDIRS": "ro:."}}, "listening"},
		{"another name, thrown away", linked, setup{env: map[string]string{"MNTDIRS": "cow:."}}, "listening"},
		{"another name, unprotected", linked, setup{options: []string{"--writable-notebooks"}}, "listening"},
		{"very many", many, setup{}, "isolate-kernel: protect the notebooks in " + many + ": there are 1001, and no more than 1000 can be; " +
			"work in a directory with fewer, or give their protection up with --writable-notebooks"},
		{"very many, read-only", many, setup{env: map[string]string{"MNTDIRS": "ro:."}}, "listening"},
	} {
		c.s.dir = c.dir
		k := prepare(t, c.s)
		k.start()
		if got := k.line(); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}

	os.Remove(filepath.Join(many, "0.ipynb"))
	k := startSession(t, setup{dir: many})
	if got, _ := k.ask("shell", "write 999.ipynb").(string); !strings.Contains(got, "read-only") {
		t.Errorf("the last of 1000: %s", got)
	}
}

// Connection files stay out of sight where a mount of the machine's gives
// their directory another name.
func TestPlacesOfConnectionFilesByAllTheirNames(t *testing.T) {
	for _, c := range []struct {
		name, mount string
		hidden      string // in the working directory
	}{
		{"a mount of the directory", "mkdir seen; mount --bind $RUNTIME seen", "seen"},
		{"a mount of one above it", "mkdir seen; mount --bind $RUNTIME/.. seen", "seen/runtime"},
		{"the directory is a mount of one here", "mkdir here; mount --bind here $RUNTIME; echo key > here/kernel-2.json", "here"},
	} {
		data, dir := t.TempDir(), t.TempDir()
		runtime := filepath.Join(data, "runtime")
		os.MkdirAll(runtime, 0o755)
		os.WriteFile(runtime+"/kernel-2.json", []byte("key"), 0o600)
		for _, protected := range []bool{true, false} {
			s := setup{dir: dir, mount: strings.ReplaceAll(c.mount, "mkdir", "mkdir -p"), env: map[string]string{"RUNTIME": runtime, "JUPYTER_RUNTIME_DIR": runtime}}
			if !protected {
				s.env["JUPYTER_RUNTIME_DIR"] = "/nowhere"
			}
			k := startSession(t, s)
			got := fmt.Sprint(k.ask("shell", "list "+c.hidden))
			if shown := strings.Contains(got, "kernel-2.json"); shown == protected {
				t.Errorf("%s, protected %v: %s", c.name, protected, got)
			}
		}
	}
}

// Where a kernel's packages are Jupyter's servers may have their configuration.
func TestServersConfigurationIsHidden(t *testing.T) {
	prefix, self := t.TempDir(), os.Args[0]
	config := filepath.Join(prefix, "etc/jupyter")
	os.MkdirAll(config, 0o755)
	os.MkdirAll(filepath.Join(prefix, "etc/ipython"), 0o755)
	os.WriteFile(filepath.Join(config, "jupyter_server_config.py"), []byte("c.ServerApp.token = 'secret'"), 0o644)
	k := startSession(t, setup{env: map[string]string{"MNTDIRS_KERNEL": "ro:" + self + " ro:" + prefix}})
	if got, ok := k.ask("shell", "list "+config).([]any); !ok || len(got) > 0 {
		t.Errorf("%s shows %v", config, got)
	}
	if got, ok := k.ask("shell", "list "+filepath.Dir(config)).([]any); !ok || len(got) != 2 {
		t.Errorf("control: beside it is %v", got)
	}
}

// A service at a port of the kernel's own would take it from the kernel.
func TestServicesLeaveTheKernelItsPorts(t *testing.T) {
	c := &connectionFile{ports: map[string]int{"shell": 5001, "iopub": 5002}}
	for _, test := range []struct {
		host string
		port int
		ipc  bool
		ok   bool
	}{
		{"127.0.0.1", 5001, false, false}, {"localhost", 5002, false, false},
		{"127.0.0.1", 5003, false, true}, {"::1", 5001, false, true}, {"db.test", 5001, false, true}, {"127.0.0.1", 5001, true, true},
	} {
		c.ipc = test.ipc
		err := checkPorts([]isolate.Service{{Host: test.host, Port: test.port}}, c)
		if (err == nil) != test.ok {
			t.Errorf("%s:%d: %v", test.host, test.port, err)
		}
	}
}
