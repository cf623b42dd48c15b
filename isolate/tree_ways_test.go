package isolate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A working directory that was reached through links has its name inside, too, which
// leads to the same directory, whatever shows it.
func TestWorkingDirectoryThroughLinks(t *testing.T) {
	dir := files(t, "real/work/f", "real/work/up -> ../../relative/work", "relative -> real", "chain -> relative", "dots -> real/../chain/../relative")
	for name, to := range map[string]string{"absolute": dir + "/real", "absolute chain": dir + "/chain/.", "slashes": dir + "//real//"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"relative/work", "chain/work", "dots/work", "absolute/work", "absolute chain/work", "slashes/work", "real/work/up", "real/work"} {
		for _, mount := range []string{".", "PWD", "ro:PWD", "cow:PWD", "PWD/..", ". ro:PWD/f", "TOP"} {
			t.Run(name+" by "+mount, func(t *testing.T) {
				pwd := filepath.Join(dir, name)
				t.Chdir(pwd)
				t.Setenv("PWD", pwd)
				entries := strings.NewReplacer("PWD/..", filepath.Dir(pwd), "PWD", pwd, "TOP", dir).Replace(strings.ReplaceAll(mount, " ", "\n"))
				mounts, err := ParseMounts(strings.ReplaceAll(entries, " ", `\ `), pwd, "/home/tester")
				if err != nil {
					t.Fatal(err)
				}
				out, err := sh(t, Policy{Mounts: mounts, Home: "/home/tester"}, `echo "$PWD"; cat "$PWD/f" f; pwd -P`)
				if want := fmt.Sprintf("%s\nreal/work/f\nreal/work/f\n%s/real/work\n", pwd, dir); out != want {
					t.Errorf("%q, %v; want %q", out, err, want)
				}
			})
		}
	}
}

// Only what was named is shown by another name.
func TestLinksShowNothingElse(t *testing.T) {
	dir := files(t, "real/work/f", "real/other", "real/work/out -> ../../side", "side/secret", "home -> real", "loop -> circle", "circle -> loop")
	cases := []struct{ name, pwd, mounts, script, want string }{
		{"beside the mount", "home/work", "PWD", "ls -A D D/home D/home/", "D:\nhome\nreal\n\nD/home:\nwork\n\nD/home/:\nwork"},
		{"a link below a mount", "home/work", "PWD", "cat D/home/work/out/secret || echo nothing", "nothing"},
		{"a mask by the name of a link", "home/work", ". D/home/work/f=none", "cat f D/home/work/f D/real/work/f | wc -c", "0"},
		{"a mask by the name of a link, from elsewhere", "side", ". D/real D/home/work/f=none", "cat D/real/work/f | wc -c", "0"},
		{"a mount in the place of a link", "home/work", "D/real/work D/home=D/side", "cat D/home/secret; pwd -P", "side/secret\nD/real/work"},
		{"a file in the place of a link", "home/work", "D/real/work D/home=D/side/secret", "cat D/home", "side/secret"},
		{"a stale PWD", "side", "D/side", "cd D; PWD=; cat side/secret", "side/secret"},
		{"a mount at a place below a link", "home/work", ". D/home/x=D/side", "cat D/home/x/secret", "side/secret"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			pwd := filepath.Join(dir, c.pwd)
			t.Chdir(pwd)
			t.Setenv("PWD", pwd)
			if c.name == "a stale PWD" {
				t.Setenv("PWD", filepath.Join(dir, "home/work"))
			}
			place := strings.NewReplacer("D/", dir+"/", "D\n", dir+"\n", "D ", dir+" ", "D;", dir+";", "D:", dir+":", "PWD", pwd)
			mounts, err := ParseMounts(place.Replace(c.mounts), pwd, "/home/tester")
			if err != nil {
				t.Fatal(err)
			}
			out, err := sh(t, Policy{Mounts: mounts, Home: "/home/tester"}, place.Replace(c.script)+" 2>&1")
			if want := place.Replace(c.want); !strings.HasSuffix(strings.TrimSpace(out), want) || strings.Contains(c.script, "ls") && strings.TrimSpace(out) != want {
				t.Errorf("%q, %v; want %q", out, err, want)
			}
		})
	}

	for _, path := range []string{"loop", "circle/x"} {
		_, err := sh(t, Policy{Mounts: []Mount{Writable(filepath.Join(dir, path))}, Dir: "/", Home: "/home/tester"}, "true")
		if kindOf(err) != KindLoop {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A link that an earlier program left in a shared directory doesn't choose where a
// mount is shown: it stays at the place that was named. The control is a link that no
// program in a sandbox can make.
func TestLinkOfAnEarlierProgram(t *testing.T) {
	dir := files(t, "w/out/", "private/letter")
	shared := Policy{Mounts: []Mount{Writable(dir + "/w")}, Dir: dir + "/w", Home: "/home/tester", AllowSymlinks: true}
	if _, err := sh(t, shared, "rmdir out && ln -s ../private out"); err != nil {
		t.Fatal(err)
	}
	kept := fmt.Sprintf("/tmp/isolate-link-%d", os.Getpid())
	if err := os.Symlink(dir+"/private", kept); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(kept)

	for _, c := range []struct{ source, want string }{
		{dir + "/w/out", "w\nletter\n"},
		{kept, "private\nletter\n"},
	} {
		p := Policy{Mounts: []Mount{ReadOnly(c.source)}, Dir: "/", Home: "/home/tester"}
		out, err := sh(t, p, "ls "+dir+"; ls "+c.source+"/")
		if out != c.want {
			t.Errorf("%s: %q, %v; want %q", c.source, out, err, c.want)
		}
	}

	// As in a loop over directories: the caller is in it, and could have named a dot.
	t.Chdir(dir + "/w/out")
	t.Setenv("PWD", dir+"/w/out")
	out, err := sh(t, Policy{Mounts: []Mount{ReadOnly(dir + "/w/out")}, Home: "/home/tester"}, "pwd -P; cat $PWD/letter")
	if want := dir + "/private\nprivate/letter\n"; out != want {
		t.Errorf("in it: %q, %v; want %q", out, err, want)
	}
}

// A home directory that is named through a link is one directory inside, by both its
// names.
func TestHomeThroughALink(t *testing.T) {
	dir := files(t, "u/course/f", "u/.netrc")
	link := fmt.Sprintf("/tmp/isolate-home-%d", os.Getpid())
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(link)
	t.Chdir(dir + "/u/course")
	p := Policy{Mounts: []Mount{Writable(".")}, Home: link + "/u", Env: []string{"PATH=/usr/bin:/bin"}}
	out, err := sh(t, p, `echo x >~/made; cat `+dir+`/u/made ~/course/f; echo $HOME; ls -A ~; ln -s x ~/.cache/link && echo linked`)
	if want := "x\nu/course/f\n" + link + "/u\n.cache\n.config\n.local\ncourse\nmade\nlinked\n"; out != want {
		t.Errorf("%q, %v; want %q", out, err, want)
	}
}

// Which directories' entries nobody in a sandbox can have made.
func TestKeeps(t *testing.T) {
	caller := uint32(os.Geteuid())
	const another = 4242
	tr := &tree{hidden: hiddenDirs(t.TempDir(), passwdEntry(os.Getuid()))}
	for _, c := range []struct {
		what  string
		dir   unix.Stat_t
		entry uint32
		want  bool
	}{
		{"root's", unix.Stat_t{Uid: 0, Mode: 0o755}, 0, caller != 0},
		{"root's, for a group", unix.Stat_t{Uid: 0, Mode: 0o775}, 0, false},
		{"root's, for everybody", unix.Stat_t{Uid: 0, Mode: 0o777}, 0, false},
		{"root's in a directory like /tmp", unix.Stat_t{Uid: 0, Mode: 0o1777}, 0, caller != 0},
		{"the caller's in a directory like /tmp", unix.Stat_t{Uid: 0, Mode: 0o1777}, caller, false},
		{"another user's in a directory like /tmp", unix.Stat_t{Uid: 0, Mode: 0o1777}, another, false},
		{"the caller's", unix.Stat_t{Uid: caller, Mode: 0o700}, caller, false},
		{"another user's", unix.Stat_t{Uid: another, Mode: 0o755}, another, false},
	} {
		if got := tr.keeps("/somewhere/else", &c.dir, &unix.Stat_t{Uid: c.entry}); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}

	for path, want := range map[string]bool{"/": true, "/tmp": true, tr.hidden[1].path: false} {
		var dir unix.Stat_t
		if err := unix.Lstat(path, &dir); err != nil {
			t.Fatal(err)
		}
		if got := tr.keeps(path, &dir, &unix.Stat_t{Uid: caller}); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

// PATH may name directories as seen from the working directory.
func TestRelativePath(t *testing.T) {
	dir := files(t, "bin/")
	for _, name := range []string{"bin/tool", "here"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho $0\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, name := range map[string]string{"bin:/usr/bin": "tool", "./bin": "tool", ":/bin": "here", "/usr/bin:": "here"} {
		p := in(dir)
		p.Env = []string{"PATH=" + path}
		var out strings.Builder
		cmd := Command(p, name)
		cmd.Stdout = &out
		if err := cmd.Run(); err != nil || !strings.HasSuffix(out.String(), name+"\n") {
			t.Errorf("PATH=%s: %q, %v", path, out.String(), err)
		}
	}
}
