package isolate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// mounted runs a script in a mount namespace of its own, where it can mount,
// and then another one in a sandbox under p; without p, which is the control,
// the other one runs there too. Of root's mounts the sandbox sees what it would
// see of the machine; an ordinary user's are made in a user namespace. In
// both scripts D is dir.
func mounted(t *testing.T, dir, home, mount string, p *Policy, script string) (string, error) {
	t.Helper()
	return mountedBy(t, "mounter", dir, home, mount, p, script)
}

func mountedBy(t *testing.T, role, dir, home, mount string, p *Policy, script string) (string, error) {
	t.Helper()
	policy, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	argv := []string{"unshare", "--user", "--map-root-user", "--mount", "--ipc"}
	if os.Geteuid() == 0 {
		argv = []string{"unshare", "--mount", "--propagation", "private"}
	}
	argv = append(argv, selfPath(t), mount, string(policy), script)
	unshare := exec.Command(argv[0], argv[1:]...)
	unshare.Env = append(os.Environ(), roleVariable+"="+role, "D="+dir, "HOME="+home, "TMPDIR=/tmp")
	out, err := unshare.CombinedOutput()
	return string(out), err
}

// mounterRole returns the process in the namespace that mounted makes.
func mounterRole(args []string) int {
	p, err := mountAll(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if p == nil {
		fmt.Fprintln(os.Stderr, unix.Exec("/bin/sh", []string{"sh", "-c", args[2]}, os.Environ()))
		return 1
	}

	p.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "D=" + os.Getenv("D")}
	c := Command(*p, "sh", "-c", args[2])
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err = c.Run(); err == nil {
		for _, place := range c.Unshown() {
			fmt.Println("unshown:", place)
		}
	} else {
		setup := new(SetupError)
		errors.As(err, &setup)
		fmt.Fprintln(os.Stderr, err, "-", setup.Kind)
	}

	return ExitCode(err)
}

// mountAll mounts what the first argument says and returns the policy in the
// second.
func mountAll(args []string) (p *Policy, err error) {
	mount := exec.Command("sh", "-ec", args[0])
	mount.Stdout, mount.Stderr = os.Stdout, os.Stderr
	if err := mount.Run(); err != nil {
		return nil, fmt.Errorf("what is to be mounted: %w", err)
	}
	err = json.Unmarshal([]byte(args[1]), &p)
	return p, err
}

// A submount is something that lies in a directory which is shown.
type submount struct {
	name  string
	mount string // the command, for the directory or file "$D/work/"+name
	seen  string // a command that succeeds where it is seen there; "" is that there is anything
	root  bool   // only root can mount it
}

// submounts may all not be sources.
func submounts() []submount {
	all := []submount{
		{name: "proc", mount: "mount --rbind /proc $P"},
		{name: "a process", mount: "mount --bind /proc/$PPID $P"},
		{name: "sysctls", mount: "mount --rbind /proc/sys $P"},
		{name: "a file of proc", mount: "rmdir $P; touch $P; mount --bind /proc/version $P", seen: "grep -q Linux $P"},
		{name: "sysfs", mount: "mount --rbind /sys $P"},
		{name: "a part of sysfs", mount: "mount --rbind /sys/kernel $P"},
		{name: "devpts", mount: "mount --bind /dev/pts $P"},
		{name: "queues", mount: "mount -t mqueue none $P; touch $P/queue"},
		{name: "a namespace", mount: "rmdir $P; touch $P; mount --bind /proc/self/ns/net $P", seen: `test "$(stat -f -c %t $P)" = 6e736673`},
		{name: "home", mount: "mount --bind $HOME $P", seen: "grep -q canary $P/key"},
		{name: "what leads to home", mount: "mount --bind $D/homes $P", seen: "ls -A $P/u | grep -q ."},
		{name: "home in another disk", mount: "mount -t tmpfs none $P; mkdir $P/home; mount --bind $HOME $P/home", seen: "grep -q canary $P/home/key"},
		{name: "tmp", mount: "mount --bind /tmp $P", seen: "ls -A $P | grep -q canary"},
		{name: "run", mount: "mount --rbind /run $P"},
		{name: "the whole machine", mount: "mount --rbind / $P"},
		{name: "proc in another disk", mount: "mount -t tmpfs none $P; mkdir $P/proc; mount --rbind /proc $P/proc", seen: "ls -A $P/proc | grep -q ."},
		{name: "proc on another disk", mount: "mount -t tmpfs none $P; mount --rbind /proc $P"},
		{name: "proc deep below", mount: "mkdir -p $P/a/b/c; mount --rbind /proc $P/a/b/c", seen: "ls -A $P/a/b/c | grep -q ."},
		{name: "a name \\ with\n all in it", mount: "mount --rbind /proc $P"},
	}
	for _, kind := range []string{"debugfs", "tracefs", "securityfs", "bpf", "binfmt_misc", "devtmpfs", "cgroup2", "pstore"} {
		all = append(all, submount{name: kind, mount: "mount -t " + kind + " none $P", seen: `test "$(stat -f -c %T $P)" != tmpfs -o -e $P/null`, root: true})
	}
	return all
}

// script returns a command for one submount.
func (s *submount) script(command string) string {
	return "P=\"$D/work/" + strings.ReplaceAll(s.name, `\`, `\\`) + "\"; " + strings.NewReplacer("$PPID", "$PPID", "$P", `"$P"`, "$D", `"$D"`, "$HOME", `"$HOME"`).Replace(command) + "\n"
}

// What may not be a source isn't shown either where it is mounted in one, and
// what is mounted beside it is. The control sees all of it.
func TestBelowASource(t *testing.T) {
	canary, err := os.CreateTemp("/tmp", "canary")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(canary.Name())
	mount, look := "", ""
	var all []submount
	for _, s := range submounts() {
		if s.root && os.Geteuid() != 0 {
			continue
		}
		if s.seen == "" {
			s.seen = "ls -A $P | grep -q ."
		}
		all = append(all, s)
		mount += s.script("mkdir $P; " + s.mount)
		look += s.script("{ " + s.seen + "; } 2>/dev/null && echo \"saw ${P##*/}.\"")
	}
	mount += "mkdir $D/work/ended; mount --bind /proc/self $D/work/ended\n" + // mount(8)'s, and then nobody's
		"mount -t tmpfs none $D/work/disk; echo kept > $D/work/disk/file\n" +
		"mount --rbind /proc $D/work/covered; mount -t tmpfs none $D/work/covered; echo on top > $D/work/covered/file\n"
	look += "cat $D/work/disk/file $D/work/covered/file\n"

	outputs := map[string]string{}
	for name, access := range map[string]Access{"control": -1, "writable": AccessWritable, "read-only": AccessReadOnly} {
		dir := files(t, "work/disk/", "work/covered/", "homes/u/key")
		if err := os.WriteFile(filepath.Join(dir, "homes/u/key"), []byte("canary"), 0o600); err != nil {
			t.Fatal(err)
		}
		home := filepath.Join(dir, "homes/u")
		p := &Policy{Mounts: []Mount{{Source: filepath.Join(dir, "work"), Access: access}}, Dir: "/", Home: home}
		if name == "control" {
			p = nil
		}
		out, err := mounted(t, dir, home, mount, p, look)
		if err != nil || !strings.HasSuffix(out, "kept\non top\n") {
			t.Errorf("%s: %v; what is mounted beside them isn't shown: %s", name, err, out)
		}
		outputs[name] = out
	}
	for _, s := range all {
		for name, out := range outputs {
			if saw := "saw " + s.name + "."; strings.Contains(out, saw) != (name == "control") {
				t.Errorf("%s: %q: %v", name, saw, name != "control")
			}
		}
	}
}

// A mask stays where it is, and so does what leads to it.
func TestMaskBelowASourceStays(t *testing.T) {
	dir := files(t, "work/a/b/proc/", "homes/u/")
	p := Policy{Mounts: []Mount{Writable(filepath.Join(dir, "work"))}, Dir: "/", Home: filepath.Join(dir, "homes/u")}
	attack := "cd $D/work\n" +
		"mv a/b/proc a/b/elsewhere; mv a/b a/c; mv a c; rmdir a/b/proc; umount a/b/proc; mkdir x; mv -T x a/b/proc\n" +
		"find . -name 1 -o -name core_pattern 2>/dev/null | grep . && echo saw\n"
	mount := "mount --rbind /proc $D/work/a/b/proc"
	out, err := mounted(t, dir, p.Home, mount, &p, attack+"ls a/b")
	if strings.Contains(out, "saw") || !strings.HasSuffix(out, "\nproc\n") || err != nil {
		t.Errorf("%v, %s", err, out)
	}
	if out, _ := mounted(t, dir, p.Home, mount, nil, attack); !strings.Contains(out, "saw") {
		t.Errorf("control: %s", out)
	}
}

// Each case is a machine on which a directory has two names.
func TestDirectoriesByAllTheirNames(t *testing.T) {
	cases := []struct {
		name, mount, source string
		home                string // "" is D/homes/u
		want                string // of the error; "" is that the sandbox starts and shows no canary
	}{
		{name: "control", source: "other/dir", mount: "true", want: "saw"},
		{name: "the real home of a bound one", mount: "mount --bind $D/export/home $D/homes", source: "export/home/u", want: "whole home directory"},
		{name: "what leads to the real home", mount: "mount --bind $D/export/home $D/homes", source: "export", want: "whole home directory"},
		{name: "the work beside the real home", mount: "mount --bind $D/export/home $D/homes", source: "export/work"},
		{name: "the work in a bound home", mount: "mount --bind $D/export/home $D/homes", source: "homes/u/work"},
		{name: "its own name, in a mount", mount: "mount --bind $D/export/home/u $D/homes/u", source: "homes", want: "whole home directory"},
		{name: "a link to home", mount: "ln -sfn export/home $D/to", home: "to/u", source: "export", want: "whole home directory"},
		{name: "the real tmp", mount: "mount --bind $D/scratch/tmp /tmp", source: "scratch/tmp", want: "other programs have sockets there"},
		{name: "what leads to the real tmp", mount: "mount --bind $D/scratch/tmp /tmp", source: "scratch"},
		{name: "a copy of what leads to the real tmp", mount: "mount --bind $D/scratch/tmp /tmp", source: "cow:scratch"},
		{name: "the work beside the real tmp", mount: "mount --bind $D/scratch/tmp /tmp", source: "scratch/work"},
		{name: "another file system of the home's number", mount: "mount -t tmpfs a $D/homes; mkdir -p $D/homes/u; mount -t tmpfs b $D/scratch/work", source: "scratch/work"},
		{name: "proc by its own name", mount: "true", source: "/proc/1", want: "every process of the machine"},
		{name: "a sysctl", mount: "true", source: "/proc/sys/kernel", want: "every process of the machine"},
		{name: "terminals", mount: "true", source: "/dev/pts", want: "a part of the machine"},
		{name: "a part of sysfs that can be changed", mount: "true", source: "/sys/kernel", want: string(KindMachine)},
		{name: "proc by another name", mount: "mount --rbind /proc $D/scratch/work", source: "scratch/work", want: "every process of the machine"},
		{name: "cow of a directory with a mount", mount: "mount --rbind /proc $D/scratch/work", source: "cow:scratch", want: "it has a mount inside"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			// Not in /tmp, which some cases cover.
			dir, err := os.MkdirTemp("/var/tmp", "isolate-test-")
			if err != nil {
				t.Fatal(err)
			}

			t.Cleanup(func() { os.RemoveAll(dir) })
			for _, sub := range []string{"homes/u/work", "export/home/u/work", "export/work", "scratch/tmp", "scratch/work", "other/dir"} {
				os.MkdirAll(filepath.Join(dir, sub), 0o755)
			}
			for _, file := range []string{"homes/u/canary", "export/home/u/canary", "scratch/tmp/canary", "other/dir/canary"} {
				os.WriteFile(filepath.Join(dir, file), nil, 0o644)
			}
			source, access := c.source, AccessWritable
			if rest, ok := strings.CutPrefix(source, "cow:"); ok {
				source, access = rest, AccessCopyOnWrite
			}
			if !filepath.IsAbs(source) {
				source = filepath.Join(dir, source)
			}

			home := filepath.Join(dir, "homes/u")
			if c.home != "" {
				home = filepath.Join(dir, c.home)
			}
			p := Policy{Mounts: []Mount{{Source: source, Target: "/shown", Access: access}}, Dir: "/", Home: home}
			out, err := mounted(t, dir, home, c.mount, &p, "find / -name canary 2>/dev/null | grep -q . && echo saw; true")
			if c.want == "" && (err != nil || out != "") || c.want == "saw" && out != "saw\n" || !strings.Contains(out, c.want) {
				t.Errorf("%v, %q; want %q", err, out, c.want)
			}
		})
	}
}

// The directory for changes isn't one that the program can change by another
// name, and the new root is assembled on none that it shows.
func TestOwnDirectoriesByAllTheirNames(t *testing.T) {
	dir := files(t, "work/changes/", "other/", "home/")
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		name, mount string
		change      func(p *Policy)
		want        string
	}{
		{"changes", "mount --bind $D/work/changes $D/other", func(p *Policy) { p.CowDir = at("other") }, "which the program can change"},
		{"control", "true", func(p *Policy) { p.CowDir = at("other") }, ""},
		{"the root", "mount --bind $D/work/changes $D/other", func(p *Policy) { p.AssembleOn = at("other") }, "which is mounted itself"},
		{"control", "true", func(p *Policy) { p.AssembleOn = at("other") }, ""},
	} {
		p := &Policy{Dir: "/", Home: at("home"), Mounts: []Mount{Writable(at("work"))}}
		c.change(p)
		if out, err := mounted(t, dir, p.Home, c.mount, p, "true"); (c.want == "") != (err == nil) || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v, %s; want %q", c.name, err, out, c.want)
		}
	}
}

// A home directory that lies in the base is empty there, by any name of it.
func TestHomeInTheBase(t *testing.T) {
	for _, c := range []struct{ name, mount, home string }{
		{"behind a link", "mount -t tmpfs none /usr/local; mkdir -p /usr/local/homes/u; ln -s /usr/local/homes/u $D/home", "home"},
		{"by its own name", "mount -t tmpfs none /usr/local; mkdir -p /usr/local/homes/u", "/usr/local/homes/u"},
		{"by a mount", "mount -t tmpfs none /usr/local; mkdir -p /usr/local/homes/u $D/home; mount --bind /usr/local/homes/u $D/home", "home"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := files(t)
			home := c.home
			if !filepath.IsAbs(home) {
				home = filepath.Join(dir, home)
			}
			mount := c.mount + "; echo canary > /usr/local/homes/u/key; mkdir /usr/local/homes/u/work"
			look := "cat /usr/local/homes/u/key 2>/dev/null; ls -A ~; ls /usr/local/homes"
			p := &Policy{Dir: "/", Home: home, Mounts: []Mount{Writable("/usr/local/homes/u/work").At("/work")}}
			if out, err := mounted(t, dir, home, mount, p, look); err != nil || out != "u\n" {
				t.Errorf("%v, %q", err, out)
			}
			if out, _ := mounted(t, dir, home, mount, nil, look); !strings.Contains(out, "canary") {
				t.Errorf("control: %q", out)
			}
		})
	}
}

// A mount that the user can't reach needs no mask, and no mask is left out
// since its way is closed for the moment.
func TestMasksBehindClosedDirectories(t *testing.T) {
	cases := []struct {
		name, close string
		want        string // "" is that the sandbox starts
	}{
		{"the user's own", "chmod 0 $D/work/way", "work/way is closed, and the program could open it"},
		{"the user's own, of another group", "chmod 0 $D/work/way", "is closed, and the program could open it"},
		{"another user's", "chown 65534:65534 $D/work/way; chmod 700 $D/work/way", ""},
		{"the user's own, behind another user's", "chown 65534:65534 $D/work/way; chmod 700 $D/work/way; chmod 0 $D/work/way/on", "is closed, and the program could open it"},
	}
	for _, c := range cases {
		if os.Geteuid() != 0 && strings.Contains(c.close, "chown") {
			c.close, c.want = "true", "" // only root can give a directory away
		}
		t.Run(c.name, func(t *testing.T) {
			dir := files(t, "work/way/on/proc/", "home/")
			way := filepath.Join(dir, "work/way")
			t.Cleanup(func() { os.Chmod(way, 0o700) })
			if strings.Contains(c.name, "another group") {
				group := -1 // a user of one group has no other to give it
				if os.Geteuid() == 0 {
					group = 33 // root may name any
				}
				groups, _ := os.Getgroups()
				for _, g := range groups {
					if g != os.Getegid() {
						group = g
					}
				}
				if err := os.Chown(way, -1, group); err != nil {
					t.Fatal(err)
				}
			}

			p := &Policy{Dir: "/", Home: filepath.Join(dir, "home"), Mounts: []Mount{Writable(filepath.Join(dir, "work"))}}
			mount := "mount --rbind /proc $D/work/way/on/proc; " + c.close
			look := "chmod 700 $D/work/way $D/work/way/on 2>/dev/null; ls -A $D/work/way/on/proc 2>/dev/null; true"
			out, err := mounted(t, dir, p.Home, mount, p, look)
			if c.want == "" && (out != "" || ExitCode(err) == 125) || !strings.Contains(out, c.want) {
				t.Errorf("%v, %q; want %q", err, out, c.want)
			}
		})
	}
}

// A thousand mounts to cover start no slower than they must.
func TestManyMountsBelowASource(t *testing.T) {
	dir := files(t, "work/", "home/")
	p := &Policy{Dir: "/", Home: filepath.Join(dir, "home"), Mounts: []Mount{Writable(filepath.Join(dir, "work"))}}
	// Ten times ten times ten.
	mount := "mkdir -p $D/a/proc; mount --rbind /proc/sys/kernel $D/a/proc; for to in b c work; do for i in 0 1 2 3 4 5 6 7 8 9; do mkdir -p $D/$to/$i; mount --rbind $D/${from:-a} $D/$to/$i; done; from=$to; done"
	look := "ls -d $D/work/?/?/?/proc | wc -l; find $D/work -name core_pattern | wc -l"
	if out, err := mounted(t, dir, p.Home, mount, p, look); err != nil || out != "1000\n0\n" {
		t.Errorf("%v, %s", err, out)
	}
	if out, err := mounted(t, dir, p.Home, mount, nil, look); err != nil || out != "1000\n1000\n" {
		t.Errorf("control: %v, %s", err, out)
	}
}

// What is mounted after the tree was decided is never shown: the sandbox is
// decided and made once more. The control doesn't notice.
func TestMountedMeanwhile(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"nothing changes", "started: ended\n"},
		{"a mount comes", "the machine's mounts keep changing: ended\n"},
		{"a mount goes", "the machine's mounts keep changing: ended\n"},
		{"unnoticed", "started: core_pattern\nended\n"},
		{"all the time", "only seen empty: ended\n"},
	} {
		dir := files(t, "work/proc/", "home/")
		p := &Policy{Dir: "/", Home: filepath.Join(dir, "home"), Mounts: []Mount{Writable(filepath.Join(dir, "work"))}}
		if out, err := mountedBy(t, "meanwhile", dir, p.Home, "true", p, c.name); err != nil || out != c.want {
			t.Errorf("%s: %v, %q, want %q", c.name, err, out, c.want)
		}
	}
}

// meanwhileRole mounts something while it makes a sandbox, in a namespace of its
// own.
func meanwhileRole(args []string) int {
	p, err := mountAll(args)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	p.Env = []string{"PATH=/usr/bin:/bin"}
	place := filepath.Join(os.Getenv("D"), "work/proc")
	mount := func() error { return unix.Mount("/proc/sys/kernel", place, "", unix.MS_BIND, "") }
	unmount := func() error { return unix.Unmount(place, unix.MNT_DETACH) }
	command := func() (c *Cmd, out *bytes.Buffer) {
		c, out = Command(*p, "sh", "-c", "ls "+place+" | grep core_pattern; echo ended"), new(bytes.Buffer)
		c.Stdout = out
		return c, out
	}

	if args[2] == "all the time" {
		go func() {
			for ; ; time.Sleep(rand.N(20 * time.Millisecond)) {
				mount()
				time.Sleep(rand.N(20 * time.Millisecond))
				unmount()
			}
		}()
		// A slow machine sees a change at every try, and is refused.
		for begun, tries := time.Now(), 0; tries < 60 && time.Since(begun) < 10*time.Second; tries++ {
			c, out := command()
			err := c.Run()
			if err != nil && strings.Contains(err.Error(), "mounts keep changing") {
				continue
			}
			if err != nil || out.String() != "ended\n" {
				fmt.Println(err, out)
				return 1
			}
		}
		fmt.Println("only seen empty: ended")
		return 0
	}

	if args[2] == "a mount goes" {
		mount()
	}
	c, _ := command()
	policy, tree, err := c.Policy.plan()
	switch args[2] {
	case "a mount comes":
		err = errors.Join(err, mount())
	case "a mount goes":
		err = errors.Join(err, unmount())
	case "unnoticed":
		table := tree.mounts.all
		err = errors.Join(err, mount())
		tree.mounts.close()
		tree.mounts, _ = openHostMounts()
		tree.mounts.all = table
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	stdio, _ := c.stdio.open(nil, os.Stdout, os.Stderr)
	c.limiter, _ = newLimiter(&policy)
	err = c.launch(&policy, tree, stdio)
	c.stdio.closeInner()
	if err != nil {
		fmt.Println(errors.Unwrap(err).Error() + ": ended")
		return 0
	}
	fmt.Print("started: ")
	c.stdio.copy()
	c.reap()
	c.stdio.wait()
	c.hangUp()
	return 0
}

// What people mount on purpose is named where it can't be shown, in one line;
// what is on another machine stays, and is named in the description. Only root
// can mount them; where nobody does nothing is said.
func TestMountsOnPurpose(t *testing.T) {
	dir := files(t, "work/far/off/", "work/auto/", "work/direct/", "work/named/", "home/")
	p := &Policy{Dir: "/", Home: filepath.Join(dir, "home"), Mounts: []Mount{
		Writable(filepath.Join(dir, "work")), Masked(filepath.Join(dir, "work/named")),
	}}
	mount := "mount -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none $D/work/far/off 3<>/dev/fuse\n" +
		"test -p $D/pipe || mkfifo $D/pipe\n" +
		"automount() { mount -t autofs -o fd=3,pgrp=$$,minproto=5,maxproto=5,indirect none $1 3<>$D/pipe; }\n" +
		"automount $D/work/auto; automount $D/work/direct; mount -t tmpfs none $D/work/direct; automount $D/work/named\n"

	unshown := "unshown: " + dir + "/work/auto\n"
	for _, c := range []struct{ mount, said, drawn string }{
		{mount, "1\n" + unshown, "work: writable, with far/off (fuse)\nauto: covered: it shows autofs\nnamed: covered by something empty\n"},
		{"true", "0\n", "work: writable\nnamed: covered by something empty\n"},
	} {
		if os.Geteuid() != 0 && c.mount != "true" {
			continue
		}
		if out, _ := mounted(t, dir, p.Home, c.mount, p, "grep -c ' fuse ' /proc/self/mounts; true"); out != c.said {
			t.Errorf("%q, want %q", out, c.said)
		}
		description, err := mountedBy(t, "describer", dir, p.Home, c.mount, p, "")
		_, drawn, _ := strings.Cut(description, "work:")
		drawn = strings.Join(strings.Fields("work:"+drawn), " ")
		if want := strings.Join(strings.Fields(c.drawn), " "); err != nil || !strings.HasPrefix(drawn, want) {
			t.Errorf("%v, %s\nwant %q", err, description, want)
		}
	}
}

// describerRole prints what a policy shows.
func describerRole(args []string) int {
	p, err := mountAll(args)
	if err == nil {
		var text string
		text, err = p.Describe()
		fmt.Print(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
