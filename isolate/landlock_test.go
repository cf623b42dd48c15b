package isolate

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// makers are the ways to make what is no plain file, each in a directory that
// holds "old link", "sub/" and "file".
var makers = []struct {
	name string
	make func() error
}{
	{"symlink", func() error { return unix.Symlink("/etc/passwd", "new") }},
	{"symlinkat", func() error { return unix.Symlinkat("/etc/passwd", unix.AT_FDCWD, "sub/new") }},
	{"another name of a link", func() error { return unix.Link("old link", "new") }},
	{"moving a link", func() error { return unix.Rename("old link", "sub/moved") }},
	{"a link under another name", func() error { return unix.Rename("old link", "renamed") }},
	{"exchanging a link", func() error { return unix.Renameat2(-100, "old link", -100, "file", unix.RENAME_EXCHANGE) }},
	{"fifo", func() error { return unix.Mkfifo("new", 0o644) }},
	{"socket", func() error {
		s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		return unix.Bind(s, &unix.SockaddrUnix{Name: "new"})
	}},
	{"socket by mknod", func() error { return unix.Mknod("new", unix.S_IFSOCK|0o644, 0) }},
}

// plainMakers are what must go on working everywhere.
var plainMakers = []struct {
	name string
	make func() error
}{
	{"file", func() error { return os.WriteFile("new", nil, 0o644) }},
	{"directory", func() error { return os.Mkdir("new", 0o755) }},
	{"moving a file", func() error { return os.Rename("file", "sub/file") }},
	{"moving a directory", func() error { return os.Rename("other", "sub/other") }},
	{"another name of a file", func() error { return os.Link("file", "sub/file") }},
	{"exchanging", func() error { return unix.Renameat2(-100, "other", -100, "sub", unix.RENAME_EXCHANGE) }},
	{"removing a link", func() error { return os.RemoveAll("old link") }}, // in HOME there is none
}

// makerRole makes everything, each in a directory of its own in the one that is
// named, and prints the names of what could be made. Where links can't be made
// the old one is there already.
func makerRole(args []string) int {
	for _, m := range slices.Concat(makers, plainMakers) {
		dir := filepath.Join(args[0], "for "+m.name)
		os.Mkdir(dir, 0o755)
		if err := os.Chdir(dir); err != nil {
			fmt.Println(err)
			return 2
		}
		os.Symlink("x", "old link")
		os.Mkdir("sub", 0o755)
		os.Mkdir("other", 0o755)
		os.WriteFile("file", nil, 0o644)
		if err := m.make(); err == nil {
			fmt.Println(m.name)
		}
	}
	return 0
}

func TestWhatCanBeMade(t *testing.T) {
	work := Writable("").At("/work")
	cases := []struct {
		name   string
		where  string
		mounts []Mount // without a source: the test's directory
		change func(*Policy)
		all    bool // not only what is plain
	}{
		{"in the working directory", "/work", []Mount{work}, nil, false},
		{"there, where that was allowed", "/work", []Mount{work}, func(p *Policy) { p.AllowSymlinks = true }, true},
		{"there, where a sandbox inside is allowed", "/work", []Mount{work}, func(p *Policy) { p.AllowUserNamespaces = true }, true},
		{"below it", "/work/deep", []Mount{work}, nil, false},
		{"in a copy of it", "/work", []Mount{CopyOnWrite("").At("/work")}, nil, true},
		{"in /tmp", "/tmp", []Mount{work}, nil, true},
		{"in /dev/shm", "/dev/shm", []Mount{work}, nil, true},
		{"in HOME", "/home/tester", []Mount{work}, nil, true},
		{"in the working directory in HOME", "/home/tester/course", []Mount{Writable("").At("/home/tester/course")}, nil, false},
		{"in HOME beside it", "/home/tester", []Mount{Writable("").At("/home/tester/course")}, nil, false},
		{"in a program's own directory beside it", "/home/tester/.cache", []Mount{Writable("").At("/home/tester/course")}, nil, true},
		{"in the working directory there", "/home/tester/.local/course", []Mount{Writable("").At("/home/tester/.local/course")}, nil, false},
		{"in a private directory in it", "/work/deep", []Mount{work, Private("/work/deep")}, nil, true},
		{"in a shared directory in a private one", "/work/deep/in", []Mount{work, Private("/work/deep"), Writable("").At("/work/deep/in")}, nil, false},
	}

	var all, plain []string
	for _, m := range makers {
		all = append(all, m.name)
	}
	for _, m := range plainMakers {
		plain = append(plain, m.name)
	}

	all = append(all, plain...)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var old []string
			for _, name := range all {
				for _, in := range []string{"", "deep/", "deep/in/"} {
					old = append(old, in+"for "+name+"/old link -> x")
				}
			}

			dir := files(t, old...)
			p := selfIn(dir, "maker")
			p.Dir, p.Mounts = c.where, p.Mounts[1:]
			for _, m := range c.mounts {
				if m.Access != AccessPrivate {
					m.Source = dir
				}
				p.Mounts = append(p.Mounts, m)
			}

			if c.change != nil {
				c.change(&p)
			}
			var out bytes.Buffer
			cmd := Command(p, os.Args[0], c.where)
			cmd.Stdout = &out
			err := cmd.Run()
			want := plain
			if c.all {
				want = all
			}

			if c.mounts[0].Access == AccessCopyOnWrite && forgetsDirectories(t) {
				want = slices.DeleteFunc(slices.Clone(want), func(name string) bool { return name == "exchanging" })
			}
			if got := strings.Join(want, "\n") + "\n"; err != nil || out.String() != got {
				t.Errorf("%v; made:\n%swant:\n%s", err, &out, got)
			}
		})
	}
}

// An abstract socket has no place in the file system that a mount could hide.
func TestAbstractSocketsOfTheHost(t *testing.T) {
	name := fmt.Sprintf("@isolate-test-%d", os.Getpid())
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()

	if conn, err := net.Dial("unix", name); err != nil {
		t.Fatalf("outside: %v", err)
	} else {
		conn.Close()
	}

	dir := t.TempDir()
	p := in(dir)
	p.Network = NetworkHost
	out, _ := sh(t, p, `python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); print(s.connect_ex("\0`+name[1:]+`"))'`)
	want := fmt.Sprintln(int(unix.EPERM))
	if _, abi := Landlock(); abi < landlockScopes {
		want = "0\n" // the promise is made for Linux 6.12
	}
	if out != want {
		t.Errorf("inside: errno %q, want %q", out, want)
	}
}

// Init is of the same user's, and outside of the program's Landlock domain. In
// another process namespace, without one, a child can reach it.
func TestSignalsToInit(t *testing.T) {
	const script = "kill -0 1 && echo reached"
	out, err := exec.Command("unshare", "--user", "--pid", "--fork", "sh", "-c", "sh -c '"+script+"'; true").Output()
	if err != nil || string(out) != "reached\n" {
		t.Fatalf("without: %v, %q", err, out)
	}
	want := ""
	if _, abi := Landlock(); abi < landlockScopes {
		want = "reached\n" // the promise is made for Linux 6.12
	}
	if out, _ := sh(t, in(t.TempDir()), script+" 2>/dev/null"); out != want {
		t.Errorf("inside: %q, want %q", out, want)
	}
}

// A machine without Landlock shares no directory in which it could not keep
// links out, unless it is told to.
func TestWithoutLandlock(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name    string
		policy  Policy
		refused bool
	}{
		{"writable", in(dir), true},
		{"allowed", Policy{Mounts: in(dir).Mounts, AllowSymlinks: true}, false},
		{"read-only", Policy{Mounts: []Mount{ReadOnly(dir)}}, false},
		{"nothing", Policy{}, false},
	} {
		policy, tree, err := c.policy.plan()
		if err != nil {
			t.Fatal(err)
		}
		tree.close()
		_, err = tree.newLandlock(&policy, 0, unix.ENOSYS)
		if refused := err != nil; refused != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && kindOf(err) != KindNoLandlock {
			t.Errorf("%s: of kind %q", c.name, kindOf(err))
		}
	}
}

// Temporary files go where sockets can be made.
func TestTMPDIR(t *testing.T) {
	dir := t.TempDir()
	for target, want := range map[string]string{"/work": "/tmp", "/tmp/work": "/var/tmp"} {
		p := in(dir)
		p.Mounts[0].Target, p.Dir = target, "/"
		if out, err := sh(t, p, `echo "$TMPDIR"`); err != nil || out != want+"\n" {
			t.Errorf("with %s: TMPDIR is %q, %v; want %s", target, out, err, want)
		}
	}
}

// A directory of the host at /tmp serves for everything that programs make there, if
// it is the sandbox's alone; what is shared stays shared under that name, too.
func TestScratch(t *testing.T) {
	for _, c := range []struct {
		name    string
		mounts  string // as entries; WORK and DISK are directories of the host, each with a sub
		alone   bool
		tempDir string
	}{
		{"a directory of its own", "/work=WORK /tmp=DISK", true, "/tmp"},
		{"for /var/tmp", "/work=WORK /tmp=none /var/tmp=DISK", true, "/var/tmp"},
		{"shown elsewhere, too, for reading", "/work=WORK /tmp=DISK ro:/disk=DISK", true, "/tmp"},
		{"the working directory", "/work=WORK /tmp=WORK", false, "/var/tmp"},
		{"in the working directory", "/work=WORK /tmp=WORK/sub", false, "/var/tmp"},
		{"above the working directory", "/work=WORK/sub /tmp=WORK", false, "/var/tmp"},
		{"shared under another name", "/work=WORK /tmp=DISK /elsewhere=DISK", false, "/var/tmp"},
		{"in one that is shared under another name", "/work=WORK /tmp=DISK/sub /elsewhere=DISK", false, "/var/tmp"},
		{"with a shared one in it", "/work=WORK /tmp=DISK /tmp/sub=WORK", false, "/var/tmp"},
		{"at another place", "/work=WORK /scratch=DISK", false, "/tmp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			work, disk := t.TempDir(), t.TempDir()
			for _, dir := range []string{work, disk} {
				if err := os.Mkdir(dir+"/sub", 0o755); err != nil {
					t.Fatal(err)
				}
			}
			mounts, err := ParseMounts(strings.NewReplacer("WORK", work, "DISK", disk).Replace(c.mounts), "/", "/home/tester")
			if err != nil {
				t.Fatal(err)
			}
			place := "/tmp"
			for _, m := range mounts {
				if m.Source == disk && m.Access == AccessWritable {
					place = m.Target
				}
			}

			p := Policy{Mounts: mounts, Dir: "/", Home: "/home/tester"}
			out, err := sh(t, p, fmt.Sprintf(`echo $TMPDIR; cd %s; ln -s /etc/passwd link && mkfifo pipe && echo made; ln -s x /work/link || echo kept out`, place))
			want := c.tempDir + "\n"
			if c.alone {
				want += "made\n"
			}
			if want += "kept out\n"; out != want {
				t.Errorf("%v, %q; want %q", err, out, want)
			}
		})
	}
}
