package isolate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

// files makes what a test describes: a path that ends in "/" is a directory,
// "a -> b" a link, anything else a file with its own path as content.
func files(t *testing.T, paths ...string) (dir string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}

	for _, path := range paths {
		name, to, link := strings.Cut(path, " -> ")
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		switch {
		case link:
			err = os.Symlink(to, full)
		case strings.HasSuffix(path, "/"):
			err = os.MkdirAll(full, 0o755)
		default:
			err = os.WriteFile(full, []byte(path+"\n"), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}

	return dir
}

// Each case names mounts, runs a script in their midst and wants its output.
// D stands for the directory with the files.
func TestMounts(t *testing.T) {
	layout := []string{"a/1", "a/sub/2", "a/sub/deep/3", "b/4", "file", "to a -> a", "a/link -> ../b", "empty/"}
	cases := []struct{ name, mounts, script, want string }{
		{"what is not named is not there", "D/a", "ls D", "a"},
		{"its own place", "D/a", "cat D/a/sub/2", "a/sub/2"},
		{"another place", "/x/y=D/a", "cat /x/y/1; ls /x", "a/1\ny"},
		{"one file", "D/file", "cat D/file; ls D", "file\nfile"},
		{"one file elsewhere", "ro:/etc/made=D/file /k=D/file", "cat /k", "file"},
		{"a file is written", "D/file", "echo new > D/file; cat D/file", "new"},
		{"a read-only directory", "ro:D/a", "touch D/a/x 2>/dev/null || echo refused; rm D/a/1 2>/dev/null || echo refused", "refused\nrefused"},
		{"a read-only file", "ro:D/file", "echo x 2>/dev/null > D/file || echo refused", "refused"},
		{"read-only in writable", "ro:D/a/sub D/a", "touch D/a/x && echo written; touch D/a/sub/x 2>/dev/null || echo refused", "written\nrefused"},
		{"writable in read-only", "D/a/sub ro:D/a", "touch D/a/x 2>/dev/null || echo refused; touch D/a/sub/x && echo written", "refused\nwritten"},
		{"three deep, inner first", "D/a/sub/deep ro:D/a/sub D/a", "touch D/a/sub/deep/x && touch D/a/x && echo written; touch D/a/sub/x 2>/dev/null || echo refused", "written\nrefused"},
		{"another directory inside one", "D/a D/a/sub=D/b", "ls D/a/sub", "4"},
		{"a masked directory", "D/a D/a/sub=none", "ls D/a; ls -A D/a/sub; touch D/a/sub/x 2>/dev/null || echo refused", "1\nlink\nsub\nrefused"},
		{"a masked file", "D/a D/a/1=none", "cat D/a/1; echo x 2>/dev/null > D/a/1 || echo refused", "refused"},
		{"a mount in a masked directory", "D/a D/a/sub=none D/a/sub/x=D/b", "ls D/a/sub; cat D/a/sub/x/4", "x\nb/4"},
		{"the host's processes", "/proc", "grep -c ' /proc .*hidepid=' /proc/self/mountinfo; test -d /proc/sys && echo there", "1\nthere"},
		{"an /etc of one's own", "/etc=D/b", "ls /etc", "4"},
		{"no processes", "/proc=none", "ls -A /proc", ""},
		{"something else for processes", "/proc=D/b", "ls -A /proc", "4"},
		{"a mask of what isn't there", "D/a D/a/none=none", "ls D/a", "1\nlink\nsub"},
		{"the last of two at one target", "/x=D/a /x=D/b", "ls /x", "4"},
		{"a source that is a link", "D/to\\ a", "ls 'D/to a'", "1\nlink\nsub"},
		{"a target through a link", "D/a D/b D/a/link/4=D/file", "cat D/b/4", "file"},
		{"a target through the base's link", "/bin/isolated-test-name=none", "ls /usr/bin/isolated-test-name 2>/dev/null || echo absent", "absent"},
		{"the base is masked", "/bin/tar=none /usr/sbin=none", "stat -c %s /bin/tar; ls -A /usr/sbin", "0"},
		{"a missing optional source", "try:D/nowhere D/b", "ls D", "b"},
		{"a private place in a mount", "D/a /tmp/z=D/b", "ls /tmp/z; touch /tmp/y && echo written", "4\nwritten"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := files(t, layout...)
			script := strings.NewReplacer("D/", dir+"/", " D", " "+dir)
			mounts, err := ParseMounts(strings.ReplaceAll(c.mounts, "D/", dir+"/"), dir, "/home/tester")
			if err != nil {
				t.Fatal(err)
			}
			out, err := sh(t, Policy{Mounts: mounts, Dir: "/", Home: "/home/tester"}, script.Replace(c.script))
			if strings.TrimSpace(out) != c.want {
				t.Errorf("%s\ngave %q (%v)\nwant %q", c.script, out, err, c.want)
			}
		})
	}
}

func TestMountsThatCantBe(t *testing.T) {
	cases := []struct{ name, mounts, want string }{
		{"the whole machine", "/x=/", "whole machine"},
		{"on the root", "/=D/a", "not a place inside"},
		{"a directory on a file", "D/a D/a/1=D/b", "a directory can't cover a file"},
		{"a file on a directory", "D/a D/a/sub=D/file", "a file can't cover a directory"},
		{"a place that a mount lacks", "D/a D/a/new=D/b", "has no such entry"},
		{"inside a file", "D/file D/file/x=D/b", "no such entry"},
		{"among the pseudo-terminals", "/dev/ptsD/a/new=D/b", "pseudo-terminals"},
		{"by a link among them", "D/a D/a/ptsD/a/new=D/b", "pseudo-terminals"},
		{"cow of a file", "cow:D/file", "needs a directory"},
		{"links without end", "D/loop", "too many levels"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := files(t, "a/1", "a/sub/2", "a/pts -> /dev/pts", "b/4", "file", "loop -> loop")
			mounts, err := ParseMounts(strings.ReplaceAll(c.mounts, "D/", dir+"/"), dir, "/home/tester")
			if err != nil {
				t.Fatal(err)
			}
			_, err = sh(t, Policy{Mounts: mounts, Dir: "/", Home: "/home/tester"}, "true")
			if err == nil || ExitCode(err) != 125 || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want 125 and %q", err, c.want)
			}
			if _, err := os.Lstat(filepath.Join(dir, "a/new")); err == nil {
				t.Error("a mount point was made on the host")
			}
		})
	}
}

// A file that the policy makes is made inside, or not at all.
func TestFileAmongPseudoTerminals(t *testing.T) {
	made := filepath.Join(files(t), "made")
	p := Policy{Dir: "/", Home: "/home/tester", Files: []File{{Path: "/dev/pts" + made, Mode: 0o600}}}
	if _, err := sh(t, p, "true"); kindOf(err) != KindTarget {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(made); err == nil {
		t.Error("it was made on the host")
	}
}

func TestManyMounts(t *testing.T) {
	dir := files(t, "d/")
	p := Policy{Dir: "/", Home: "/home/tester"}
	for i := range 500 {
		p.Mounts = append(p.Mounts, Writable(filepath.Join(dir, "d")).At(fmt.Sprintf("/many/%d/%d", i%7, i)))
	}
	if out, err := sh(t, p, "ls -d /many/*/* | wc -l"); strings.TrimSpace(out) != "500" {
		t.Errorf("%s of 500 mounts: %v", out, err)
	}
}

func TestLongPath(t *testing.T) {
	dir := files(t, "d/1")
	long := strings.Repeat("/"+strings.Repeat("x", 200), 20)[:4000]
	p := Policy{Dir: "/", Home: "/home/tester", Mounts: []Mount{Writable(filepath.Join(dir, "d")).At(long)}}
	if out, err := sh(t, p, "find /xx* -name 1 | wc -l"); strings.TrimSpace(out) != "1" {
		t.Errorf("%s, %v", out, err)
	}
	p.Mounts[0].Target = long + long
	if _, err := sh(t, p, "true"); ExitCode(err) != 125 {
		t.Errorf("a path of 8,000 bytes: %v", err)
	}
}

// What the base shows and what it doesn't.
func TestBase(t *testing.T) {
	cases := []struct{ name, script, want string }{
		{"usr is there", "test -e /bin && test -e /usr/bin/env && echo yes", "yes"},
		{"etc has no secrets", "for f in shadow gshadow sudoers ssh fstab machine-id crontab; do test -e /etc/$f && echo $f; done; true", ""},
		{"passwd has nobody else", "cut -d: -f1 /etc/passwd | grep -vx -e $(id -un) -e nobody; true", ""},
		{"own name", "id -un | tr -d '\\n' | wc -c | grep -qv '^0$' && echo named", "named"},
		{"resolves itself", "grep -c $(hostname) /etc/hosts", "1"},
		{"of sys only the processors", "ls /sys; ls /sys/devices; ls /sys/devices/system | grep -vx node", "devices\nsystem\ncpu"},
		{"home is private and empty", "ls -A ~ | wc -l; touch ~/x && echo writable", "0\nwritable"},
		{"tmp is private and empty", "ls -A /tmp /var/tmp /dev/shm | grep -v : | grep -c .; touch /tmp/x /var/tmp/x /dev/shm/x && echo writable", "0\nwritable"},
		{"the root can't be written", "touch /x 2>/dev/null || echo refused; mkdir /usr/x 2>/dev/null || echo refused", "refused\nrefused"},
		{"etc can't be written", "echo x 2>/dev/null >> /etc/passwd || echo refused", "refused"},
		{"no process but its own", "set -- /proc/[0-9]*; echo $#", "1"},
		{"devices", "echo x > /dev/null && head -c 1 /dev/zero | wc -c; ls /dev/pts", "1\nptmx"},
		{"sysctls can't be written", "echo 1 2>/dev/null > /proc/sys/kernel/core_pattern || echo refused", "refused"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, err := sh(t, Policy{Dir: "/", Home: "/home/tester"}, c.script)
			if strings.TrimSpace(out) != c.want {
				t.Errorf("%s\ngave %q (%v)\nwant %q", c.script, out, err, c.want)
			}
		})
	}
}

func TestUser(t *testing.T) {
	p := Policy{Dir: "/", Home: "/home/tester", User: &User{4321, 1234}}
	if out, err := sh(t, p, "id -u; id -g; touch /tmp/x; stat -c %u /tmp/x"); out != "4321\n1234\n4321\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestTmpSize(t *testing.T) {
	p := Policy{Dir: "/", Home: "/home/tester", Limits: Limits{TmpSize: 1 << 20}}
	out, _ := sh(t, p, "head -c 600K /dev/zero > /tmp/x && echo first; head -c 600K /dev/zero 2>/dev/null > ~/x || echo full")
	if out != "first\nfull\n" {
		t.Errorf("%q, want the second file to find the file system full", out)
	}
}

// A sandbox inside a sandbox: refused by default, with the reason; possible
// where the outer one allows it.
func TestInsideItself(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}

	dir := files(t, "d/")
	p := Policy{
		Mounts: []Mount{Writable(filepath.Join(dir, "d")), ReadOnly(self)},
		Dir:    filepath.Join(dir, "d"), Home: "/home/tester",
		Env: []string{roleVariable + "=caller", "PATH=/usr/bin:/bin"},
	}
	run := func() (string, error) {
		var out strings.Builder
		c := Command(p, self, p.Dir, "sh", "-c", "echo inner")
		c.Stdout, c.Stderr = &out, &out
		err := c.Run()
		return out.String(), err
	}
	if out, err := run(); ExitCode(err) != 125 || strings.Contains(out, "inner") {
		t.Errorf("by default: %q, %v; want it refused", out, err)
	}

	p.AllowUserNamespaces = true
	if out, err := run(); out != "inner\n" {
		t.Errorf("where it is allowed: %q, %v", out, err)
	}
}

func TestFiles(t *testing.T) {
	dir := files(t, "d/there")
	there := filepath.Join(dir, "d/there")
	p := in(filepath.Join(dir, "d"))
	p.Mounts = append(p.Mounts, Private("/run/private"))
	p.Files = []File{
		{Path: "/tmp/a/b.json", Mode: 0o600, Data: []byte("one")},
		{Path: "/run/private/c.json", Mode: 0o600, Data: []byte("two")},
		{Path: there, Mode: 0o600, Data: []byte("three")},
		{Path: "/etc/four", Mode: 0o444, Data: []byte("four")},
	}
	out, err := sh(t, p, "cat /tmp/a/b.json /run/private/c.json "+there+" /etc/four; echo x >> /tmp/a/b.json && rm /run/private/c.json && echo y > "+there+" && echo changed")
	if out != "onetwothreefourchanged\n" {
		t.Errorf("%q, %v", out, err)
	}
	if content, _ := os.ReadFile(there); string(content) != "d/there\n" {
		t.Errorf("the host's file is now %q", content)
	}
}

func TestDeletedWorkingDirectory(t *testing.T) {
	dir := files(t, "gone/")
	old, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chdir(filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	defer os.Chdir(old)
	if err := unix.Rmdir(filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	if err := Command(Policy{Home: "/home/tester"}, "true").Run(); ExitCode(err) != 125 {
		t.Errorf("%v, want 125", err)
	}
}

// What is read-only in a private directory stays where it is, whatever lies
// between, and what isn't can be moved.
func TestReadOnlyInAPrivateDirectoryStays(t *testing.T) {
	const attack = "cd ~; mv conda c 2>/dev/null; mv conda/envs/x conda/envs/y 2>/dev/null; mkdir -p conda/envs/x && echo evil 2>/dev/null > conda/envs/x/file; cat conda/envs/x/file"
	dir := files(t, "x/file", "work/")
	x, work := filepath.Join(dir, "x"), filepath.Join(dir, "work")
	for _, c := range []struct {
		name   string
		mounts []Mount
		want   string
	}{
		{"read-only", []Mount{ReadOnly(x).At("/home/tester/conda/envs/x")}, "x/file\n"},
		{"in another private one", []Mount{Private("/home/tester/conda/envs"), ReadOnly(x).At("/home/tester/conda/envs/x")}, "x/file\n"},
		{"in a writable one", []Mount{Writable(dir).At("/home/tester/conda/envs"), ReadOnly(x).At("/home/tester/conda/envs/x")}, "x/file\n"},
		{"control: nothing is read-only", []Mount{Writable(work).At("/home/tester/conda/envs/x")}, "evil\n"},
	} {
		if out, err := sh(t, Policy{Dir: "/", Home: "/home/tester", Mounts: c.mounts}, attack); out != c.want {
			t.Errorf("%s: %q, %v", c.name, out, err)
		}
	}
}

// What a nil Base shows is what DefaultBase says.
func TestDefaultBase(t *testing.T) {
	_, tree, err := Policy{Dir: "/"}.plan()
	if err != nil {
		t.Fatal(err)
	}
	defer tree.close()
	there := 0
	for _, m := range DefaultBase() {
		if unix.Access(m.Source, unix.R_OK) != nil {
			continue
		}
		there++
		if tree.at[m.Source] == nil {
			t.Errorf("%s is not shown", m.Source)
		}
	}
	if there < 10 {
		t.Errorf("only %d entries are there", there)
	}
}

// What root has put a link to in /etc may lie where others put links on the way, so it
// is opened without following any.
func TestLinkOutOfTheBaseLeadsNowhereElse(t *testing.T) {
	cases := []struct {
		name  string
		n     node
		first uintptr // call
	}{
		{"at its own place", node{base: true, source: "/etc/R", target: "/etc/R"}, unix.SYS_OPEN_TREE},
		{"behind a link", node{base: true, source: "/srv/group/R", target: "/etc/R"}, unix.SYS_OPENAT2},
		{"not of the base", node{source: "/etc/R", target: "/etc/R"}, unix.SYS_OPENAT2},
		{"a device", node{kind: deviceNode, source: "/dev/null", target: "/dev/null"}, unix.SYS_OPEN_TREE},
		{"a device in a directory", node{kind: deviceNode, source: "/dev/shm/d/null", target: "/dev/null"}, unix.SYS_OPENAT2},
	}
	for _, c := range cases {
		l := calls.New()
		b := &builder{List: &l, made: map[string]bool{}}
		b.bind(&c.n, plain)
		if first := l.From(0)[0].Number; first != c.first {
			t.Errorf("%s: it begins with call %d, want %d", c.name, first, c.first)
		}
	}
}
