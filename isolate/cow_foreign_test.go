package isolate

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// secondGroup returns a group of the caller's that isn't the first one. Root may use
// any.
func secondGroup(t *testing.T) int {
	t.Helper()
	groups, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if g != os.Getegid() {
			return g
		}
	}
	if os.Geteuid() != 0 {
		t.Fatal("the user who runs this test needs a second group (usermod --append --groups)")
	}
	return 4243
}

// groupTree makes a directory in which much belongs to another group of the caller's.
func groupTree(t *testing.T) string {
	t.Helper()
	dir := files(t, "file", "own/deep/file", "shared/file", "shared/empty/", "shared/tree/a/b", "closed/file", "mine")
	group := secondGroup(t)
	make := func(do ...error) {
		for _, err := range do {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	make(os.Symlink("file", dir+"/shared/link"), os.Link(dir+"/shared/file", dir+"/shared/again"))
	sparse, err := os.Create(dir + "/shared/sparse")
	make(err, sparse.Truncate(64<<20))
	_, err = sparse.WriteAt([]byte("x"), 32<<20)
	make(err, sparse.Close())
	for _, path := range []string{"file", "own/deep/file", "shared", "shared/file", "shared/empty", "shared/tree", "shared/tree/a", "shared/tree/a/b", "shared/link", "shared/sparse", "closed", "closed/file"} {
		make(os.Lchown(filepath.Join(dir, path), -1, group))
	}
	make(os.Chmod(dir+"/shared", 0o775|os.ModeSetgid), os.Chmod(dir+"/shared/file", 0o640), os.Chmod(dir+"/closed/file", 0o444), os.Chmod(dir+"/closed", 0o555))
	then := time.Unix(981158400, 5)
	make(os.Chtimes(dir+"/shared/tree/a/b", then, then), os.Chtimes(dir+"/shared/tree", then, then))
	t.Cleanup(func() { os.Chmod(dir+"/closed", 0o755) })
	return dir
}

// What belongs to another group can be changed as plainly, in memory and where changes
// are kept, and looks as it does outside.
func TestCopyOnWriteOfAnotherGroup(t *testing.T) {
	dir := groupTree(t)
	script := func(path string) string {
		out, err := exec.Command("sh", "-c", "cd "+dir+"; "+path).Output()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return string(out)
	}
	const look = `stat -c '%n %A %Y %u' file own/deep/file shared/* shared closed closed/file mine; stat -c %h shared/file shared/again; cat shared/tree/a/b; readlink shared/link; du -k shared/sparse; tail -c 33554432 shared/sparse | head -c 1`
	before := script(look)

	const inMemory = "a link gets another name"
	cases := []struct{ name, script, want string }{
		{"looks the same", look, strings.TrimSpace(before)},
		{"is overwritten", "echo new >file; echo more >>own/deep/file; cat file own/deep/file", "new\nown/deep/file\nmore"},
		{"is truncated", ": >shared/file; wc -c <shared/again", "0"},
		{"keeps its other name", "echo x >>shared/again; tail -n1 shared/file", "x"},
		{"gets another mode", "chmod 600 file; chmod 700 shared/tree; stat -c %a file shared/tree", "600\n700"},
		{"gets another time", "touch -d @5 file shared; stat -c %Y file shared", "5\n5"},
		{"gets another name", "mv file moved; mv shared/file file; cat moved file", "file\nshared/file"},
		{inMemory, "mv shared/link shared/l; readlink shared/l", "file"}, // elsewhere no link can be made

		{"gets a second name", "ln file second; cat second", "file"},
		{"is removed", "rm file shared/link shared/file; rmdir shared/empty; ls shared", "again\nsparse\ntree"},
		{"gets new entries", "echo n >shared/new; mkdir shared/tree/d; ls shared/new shared/tree; stat -c %A shared/tree/d", "shared/new\n\nshared/tree:\na\nd\ndrwxr-xr-x"},
		{"is replaced", "echo n >shared/new; mv shared/new shared/file; cat shared/file shared/again", "n\nshared/file"},
		{"stays closed", "(: >closed/new) 2>/dev/null || echo refused; (: >>closed/file) 2>/dev/null || echo refused; cat closed/file", "refused\nrefused\nclosed/file"},
		{"is opened by its owner", "chmod u+w closed closed/file && echo x >closed/file && : >closed/new && ls closed", "file\nnew"},
	}
	if !forgetsDirectories(t) {
		cases = append(cases, struct{ name, script, want string }{"a tree is removed and made again", "rm -r shared/tree; mkdir shared/tree; ls shared/tree; rm -r shared; mkdir shared; ls shared", ""})
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := in(dir)
			p.Mounts[0].Access = AccessCopyOnWrite
			for _, kept := range []string{"", t.TempDir()} {
				if p.CowDir = kept; kept != "" && c.name == inMemory {
					continue
				}
				out, err := sh(t, p, c.script)
				if err != nil || strings.TrimSpace(out) != c.want {
					t.Errorf("%q, %v; want %q", out, err, c.want)
				}
			}
			if after := script(look); after != before {
				t.Errorf("outside there is now\n%s; before\n%s", after, before)
			}
			// The control: outside it is changed, or this test shows nothing.
			if out, err := exec.Command("sh", "-c", "cp -a "+dir+" "+dir+".copy && cd "+dir+".copy && "+c.script).CombinedOutput(); err != nil && os.Geteuid() != 0 {
				t.Errorf("plainly: %s, %v", out, err)
			}
			exec.Command("sh", "-c", "chmod -R u+w "+dir+".copy; rm -r "+dir+".copy").Run()
		})
	}
}

// The directory for changes holds these, and no copies of what stayed as it was.
func TestCowDirHoldsChangesOnly(t *testing.T) {
	dir := groupTree(t)
	p := in(dir)
	p.Mounts[0].Access = AccessCopyOnWrite
	for _, c := range []struct{ name, script, want string }{
		{"nothing", "cat shared/file", ""},
		{"a file, with the time stamp that it had", "cp -p file ref; echo FILE >file; touch -r ref file; rm ref", "file"},
		{"what is removed", "rm shared/link", "shared/link"},
		{"a mode", "chmod g+w shared/tree", "shared/tree"},
		{"something new", "mkdir shared/tree/new", "shared/tree/new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.CowDir = t.TempDir()
			if out, err := sh(t, p, c.script); err != nil {
				t.Fatal(out, err)
			}
			var left []string
			kept := filepath.Join(p.CowDir, dir)
			filepath.Walk(kept, func(path string, info os.FileInfo, err error) error {
				entries, _ := os.ReadDir(path)
				if path != kept && len(entries) == 0 {
					left = append(left, strings.TrimPrefix(path, kept+"/"))
				}
				return err
			})
			if got := strings.Join(left, " "); got != c.want {
				t.Errorf("%q is kept, want %q", got, c.want)
			}

			// A second program doesn't undo what the first one did.
			_, err := sh(t, p, "true")
			if (kindOf(err) == KindCowDirUsed) != (c.want != "") {
				t.Errorf("used again: %v", err)
			}
		})
	}
}

// Another user's files can be changed if the caller may change them outside, and not
// if the caller may not.
func TestCopyOnWriteOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root can give files away
	}
	dir := files(t, "all/666", "all/644", "all/600", "group/664", "group/sub/640", "none/666", "none/644")
	os.Chmod(filepath.Dir(dir), 0o755)
	for path, mode := range map[string]os.FileMode{
		".": 0o755, "all": 0o777, "all/666": 0o666, "all/644": 0o644, "all/600": 0o600, "group": 0o775 | os.ModeSetgid, "group/664": 0o664,
		"group/sub": 0o775, "group/sub/640": 0o640, "none": 0o755, "none/666": 0o666, "none/644": 0o644,
	} {
		if err := os.Chown(filepath.Join(dir, path), 4244, 4243); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	self := filepath.Join(filepath.Dir(dir), "test") // which other users can execute
	if out, err := exec.Command("cp", selfPath(t), self).CombinedOutput(); err != nil {
		t.Fatalf("%s, %v", out, err)
	}
	const member, stranger = "member", "stranger"
	for _, c := range []struct{ who, script, want string }{
		{member, "echo x >all/666; cat all/666", "x"},
		{member, "echo x >group/664; echo y >group/new; rm group/sub/640; ls group/sub; cat group/664 group/new", "x\ny"},
		{member, "(echo x >group/sub/640) 2>/dev/null || echo refused; cat group/sub/640", "refused\ngroup/sub/640"},
		{member, "mv group/sub/640 group/moved; cat group/moved; stat -c %A group group/moved", "group/sub/640\ndrwxrwsr-x\n-r--r-----"},
		{member, "(: >new) 2>/dev/null || echo refused; (: >none/new) 2>/dev/null || echo refused; rm -f none/644 2>/dev/null || echo refused", "refused\nrefused\nrefused"},
		{stranger, "echo x >none/666; cat none/666; (echo x >none/644) 2>/dev/null || echo refused", "x\nrefused"},
		{stranger, "(echo x >group/664) 2>/dev/null || echo refused; cat group/sub/640 2>/dev/null || echo refused", "refused\nrefused"},
		{stranger, "cat all/600 2>/dev/null || echo refused; rm -f all/600; ls all; mv all/644 all/moved; cat all/moved", "refused\n644\n666\nall/644"},
	} {
		cmd := exec.Command(self, dir, c.script)
		cmd.Env = []string{roleVariable + "=copier", "PATH=/usr/bin:/bin", "HOME=/nonexistent"}
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4242, Gid: 4242}}
		if c.who == member {
			cmd.SysProcAttr.Credential.Groups = []uint32{4243}
		}
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
			t.Errorf("%s, %s: %q, %v; want %q", c.who, c.script, got, err, c.want)
		}
	}

	// Root has no privilege inside: it changes the copies of what it can read there.
	p := in(dir)
	p.Mounts[0].Access = AccessCopyOnWrite
	out, err := sh(t, p, "echo x >none/644; cat none/644; cat all/600 2>/dev/null || echo refused; : >none/new && ls none")
	if want := "x\nrefused\n644\n666\nnew\n"; out != want {
		t.Errorf("root: %q, %v; want %q", out, err, want)
	}
}

// copierRole runs a script where a directory is shown copy-on-write.
func copierRole(args []string) int {
	p := Policy{Mounts: []Mount{CopyOnWrite(args[0])}, Dir: args[0], Home: "/home/tester"}
	cmd := Command(p, "sh", "-c", args[1])
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	if err != nil {
		fmt.Println(err)
	}
	return ExitCode(err)
}

// What is too much to be copied is known before the program runs.
func TestCopiesAreBounded(t *testing.T) {
	dir := files(t)
	group := secondGroup(t)
	for i := range 40 {
		path := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(path, bytes.Repeat([]byte("x"), 3000), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, -1, group); err != nil {
			t.Fatal(err)
		}
	}

	unix.Mkfifo(dir+"/pipe", 0o666)
	os.Chown(dir+"/pipe", -1, group)
	p := in(dir)
	p.Mounts[0].Access = AccessCopyOnWrite
	for _, c := range []struct {
		name   string
		bounds copyBounds
		want   Uncopied
	}{
		{"all", copyBounds{100, 1 << 20, 100, time.Now().Add(time.Hour)}, Uncopied{}},
		{"too many", copyBounds{30, 1 << 20, 100, time.Now().Add(time.Hour)}, Uncopied{Count: 10, Looked: 41}},
		{"too much", copyBounds{100, 10 * 4096, 100, time.Now().Add(time.Hour)}, Uncopied{Count: 30, Looked: 41}},
		{"too many to look at", copyBounds{100, 1 << 20, 20, time.Now().Add(time.Hour)}, Uncopied{More: true, Looked: 20}},
	} {
		_, tr, err := p.plan()
		if err != nil {
			t.Fatal(err)
		}
		tr.findForeign(&c.bounds, false)
		tr.close()
		var got Uncopied
		if len(tr.uncopied) == 1 {
			got = tr.uncopied[0]
		}
		if (got.First == "") != (c.want.Count == 0) {
			t.Errorf("%s: the first is %q", c.name, got.First)
		}
		if got.Source, got.First = "", ""; got != c.want {
			if c.want != (Uncopied{}) || len(tr.uncopied) != 0 {
				t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
			}
		}
	}

	// A small file system in memory has room for half of them.
	p.Limits.TmpSize = 128 << 10
	ready := false
	cmd := Command(p, "sh", "-c", "for f in [0-9]*; do echo x >$f; done 2>&1 | wc -l")
	var out strings.Builder
	cmd.Stdout = &out
	cmd.Ready = func() { ready = out.String() == "" && len(cmd.Uncopied()) == 1 && cmd.Uncopied()[0].Count == 24 }
	if err := cmd.Run(); err != nil || !ready {
		t.Errorf("in 128 KiB: %v, %v, %+v", err, ready, cmd.Uncopied())
	}
}

// Files that come and go while the sandbox is made keep nobody from making one.
func TestCopiesOfFilesThatGo(t *testing.T) {
	dir := groupTree(t)
	group := secondGroup(t)
	done := make(chan bool)
	stop := make(chan bool)
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			name := filepath.Join(dir, "shared", fmt.Sprint("passing", i%50))
			os.Remove(name)
			switch i % 4 {
			case 0:
				os.Symlink("/etc/passwd", name)
			case 1:
				os.Mkdir(name, 0o755)
			case 2:
				unix.Mkfifo(name, 0o644)
			default:
				os.WriteFile(name, []byte("y"), 0o644)
			}
			os.Lchown(name, -1, group)
		}
	}()
	p := in(dir)
	p.Mounts[0].Access = AccessCopyOnWrite
	for range 10 {
		if out, err := sh(t, p, "echo x >file; cat file"); out != "x\n" {
			t.Errorf("%q, %v", out, err)
		}
	}
	close(stop)
	<-done
}

// Whoever has a lease on a file, which another user may have on its own, keeps nobody
// from making a sandbox.
func TestCopiesOfLeasedFiles(t *testing.T) {
	dir := groupTree(t)
	const name = "shared/tree/a/b"
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Fatal(err)
	}

	p := in(dir)
	p.Mounts[0].Access = AccessCopyOnWrite
	if out, err := sh(t, p, "echo x >file; cat file"); out != "x\n" {
		t.Errorf("%q, %v", out, err)
	}

	// The control: the file can't be opened without waiting.
	if _, err := unix.Open(filepath.Join(dir, name), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err != unix.EAGAIN {
		t.Errorf("plainly it is opened: %v", err)
	}
}

// A file that is longer than the caller may make one is left.
func TestCopiesOfLongFiles(t *testing.T) {
	dir := groupTree(t) // in which a file has 64 MiB
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_FSIZE, &before)
	for limit, want := range map[uint64]int{before.Cur: 0, 32 << 20: 1} { // the first one is the control
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: before.Max}); err != nil {
			t.Fatal(err)
		}
		p := in(dir)
		p.Mounts[0].Access = AccessCopyOnWrite
		cmd := Command(p, "true")
		if err := cmd.Run(); err != nil || len(cmd.Uncopied()) != want {
			t.Errorf("with a limit of %d: %v, %+v", limit, err, cmd.Uncopied())
		}
	}
}

// Attributes, which can be larger than files, count as what is in these does.
func TestAttributesOfCopiesAreBounded(t *testing.T) {
	dir := files(t, "1", "2", "3", "4")
	for _, name := range []string{"1", "2", "3", "4"} {
		path := filepath.Join(dir, name)
		if err := os.Lchown(path, -1, secondGroup(t)); err != nil {
			t.Fatal(err)
		}
	}

	p := in(dir)
	p.Mounts[0].Access = AccessCopyOnWrite
	for _, size := range []int{0, 3000} { // the first one is the control
		for _, name := range []string{"1", "2", "3", "4"} {
			if err := unix.Setxattr(filepath.Join(dir, name), "user.large", make([]byte, size), 0); err != nil {
				t.Fatal(err)
			}
		}
		_, tr, err := p.plan()
		if err != nil {
			t.Fatal(err)
		}
		tr.findForeign(&copyBounds{100, 4 * 5000, 100, time.Now().Add(time.Hour)}, false)
		tr.close()
		left := 0
		for _, u := range tr.uncopied {
			left += u.Count
		}
		if want := size / 1500; left != want {
			t.Errorf("with attributes of %d bytes %d files are left, want %d", size, left, want)
		}
	}
}

// The group that copies have may be one that can't read the originals.
func TestKeptCopiesAreClosed(t *testing.T) {
	for _, c := range []struct {
		dir  string
		want os.FileMode
	}{{groupTree(t), 0o700}, {files(t, "own"), 0o750}} { // the second one is the control
		if err := os.Chmod(c.dir, 0o750); err != nil {
			t.Fatal(err)
		}
		p := in(c.dir)
		p.Mounts[0].Access, p.CowDir = AccessCopyOnWrite, t.TempDir()
		if out, err := sh(t, p, "echo x >>shared/file || echo x >>own"); err != nil {
			t.Fatal(out, err)
		}
		info, err := os.Stat(filepath.Join(p.CowDir, c.dir))
		if err != nil || info.Mode().Perm() != c.want {
			t.Errorf("what is kept has mode %v, %v; want %v", info.Mode(), err, c.want)
		}
	}
}

// No link in the directory for changes leads to a change elsewhere.
func TestTidyingFollowsNoLink(t *testing.T) {
	dir := files(t, "kept/"+workPrefix+"1/", "kept/"+workPrefix+"2 -> ../other", "elsewhere/", "other/work/", "control [1]/"+workPrefix+"1/work/")
	if err := os.Symlink("../../elsewhere", filepath.Join(dir, "kept", workPrefix+"1", "work")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/elsewhere", "/other/work"} {
		if err := os.Chmod(dir+path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"kept", "control [1]"} {
		p := &Policy{CowDir: filepath.Join(dir, name)}
		p.tidyCowDir(nil)
		if left, _ := os.ReadDir(p.CowDir); len(left) > 0 {
			t.Errorf("%s: %v are left", name, left)
		}
	}
	for _, path := range []string{"/elsewhere", "/other/work"} {
		if info, err := os.Stat(dir + path); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}

// The bounds are those that the manual names.
func TestCopyBoundsAreWritten(t *testing.T) {
	page, err := os.ReadFile("../internal/manual/isolate.md")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(page))
	want := strings.Fields(fmt.Sprintf("up to %d files and directories with %d MiB", mostCopies, mostCopied>>20))
	for len(words) >= len(want) && !slices.Equal(words[:len(want)], want) {
		words = words[1:]
	}
	if len(words) < len(want) {
		t.Errorf("the manual doesn't say %q", strings.Join(want, " "))
	}
}
