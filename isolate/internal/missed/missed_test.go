package missed

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"isolate-namespace/internal/pathname"

	"github.com/google/go-cmp/cmp"
)

// words writes groups, one a line: what to show, or why nothing is, and the files.
func words(groups []Group) []string {
	var all []string
	for _, g := range groups {
		line := g.Show
		if !g.Writable && g.Show != "" {
			line = "ro:" + g.Show
		}
		line += string(g.Reason) + ":"
		for _, f := range g.Files {
			line += fmt.Sprintf(" %s*%d", f.Path, f.Count)
		}
		all = append(all, line)
	}
	return all
}

// parse reads what was seen: a letter for its use (l, r, x, w), then d for a directory, s
// for a socket, c for one that is closed to others, v for one that is covered, p for one that is shown in part, n for a new
// one; a colon; and its path.
func parse(t *testing.T, seen string) (all []Seen) {
	t.Helper()
	for _, field := range strings.Fields(seen) {
		how, path, ok := strings.Cut(field, ":")
		if !ok {
			t.Fatalf("no colon in %q", field)
		}
		use := map[byte]Use{'l': Look, 'r': Read, 'x': Execute, 'w': Write}[how[0]]
		has := func(letter string) bool { return strings.Contains(how[1:], letter) }
		all = append(all, Seen{Path: path, Use: use, Count: 1, Dir: has("d"), Socket: has("s"), Device: has("b"), Closed: has("c"), Covered: has("v"), Partly: has("p"), New: has("n")})
	}
	return all
}

func TestGroups(t *testing.T) {
	s := &Surroundings{Home: "/home/ada", Runtime: "/tmp/runtime", Search: []string{"/opt/go/bin", "/usr/bin"}, Shown: []string{"/home/ada/course/ps1", "/srv/shown/here"}}
	for _, test := range []struct {
		name, seen string
		want       []string
	}{
		{"nothing", "", nil},
		{"a file", "r:/srv/course/data/big.csv", []string{"ro:/srv/course/data: /srv/course/data/big.csv*1"}},
		{"several times", "r:/srv/a/b/c l:/srv/a/b/c r:/srv/a/b/c", []string{"ro:/srv/a/b: /srv/a/b/c*3"}},
		{"a directory", "rd:/srv/a/b", []string{"ro:/srv/a/b: /srv/a/b*1"}},
		{"one in another", "r:/srv/a/b/c/d r:/srv/a/b/e", []string{"ro:/srv/a/b: /srv/a/b/c/d*1 /srv/a/b/e*1"}},
		{"two neighbours", "r:/srv/a/b/x r:/srv/a/c/x", []string{"ro:/srv/a/b: /srv/a/b/x*1", "ro:/srv/a/c: /srv/a/c/x*1"}},
		{"many neighbours", "r:/srv/a/b/x r:/srv/a/c/x r:/srv/a/d/x", []string{"ro:/srv/a: /srv/a/b/x*1 /srv/a/c/x*1 /srv/a/d/x*1"}},
		{"many of different access", "r:/srv/a/b/x w:/srv/a/c/x r:/srv/a/d/x", []string{"ro:/srv/a/b: /srv/a/b/x*1", "/srv/a/c: /srv/a/c/x*1", "ro:/srv/a/d: /srv/a/d/x*1"}},
		{"many below what is wide", "r:/srv/b/x r:/srv/c/x r:/srv/d/x", []string{"ro:/srv/b: /srv/b/x*1", "ro:/srv/c: /srv/c/x*1", "ro:/srv/d: /srv/d/x*1"}},
		{"to be changed", "r:/srv/a/b/c w:/srv/a/b/d", []string{"/srv/a/b: /srv/a/b/c*1 /srv/a/b/d*1"}},
		{"to be changed in what is read", "r:/srv/a/b/c w:/srv/a/b/d/e", []string{"ro:/srv/a/b: /srv/a/b/c*1", "/srv/a/b/d: /srv/a/b/d/e*1"}},
		{"to be made", "wn:/srv/a/new", []string{"/srv/a: /srv/a/new*1"}},
		{"to be made in what is wide", "wn:/srv/new", []string{"wide: /srv/new*1"}},
		{"a program", "x:/opt/tool/bin/tool", []string{"ro:/opt/tool: /opt/tool/bin/tool*1"}},
		{"a program of one's own", "x:/home/ada/bin/tool", []string{"ro:/home/ada/bin: /home/ada/bin/tool*1"}},
		{"a program in what is wide", "x:/opt/tool", []string{"ro:/opt/tool: /opt/tool*1"}},
		{"on the way", "ld:/srv ld:/srv/a ld:/srv/a/b r:/srv/a/b/c", []string{"ro:/srv/a/b: /srv/a/b/c*1"}},
		{"listed on the way", "rd:/srv/a r:/srv/a/b/c", []string{"ro:/srv/a: /srv/a*1 /srv/a/b/c*1"}},
		{"a wide one, looked at", "ld:/mnt ld:/srv", nil},
		{"a wide one, listed", "rd:/srv", []string{"wide: /srv*1"}},
		{"in a wide one", "r:/srv/x r:/etc/pip.conf r:/tmp/x r:/var/lib/x/y", []string{
			"ro:/etc/pip.conf: /etc/pip.conf*1", "ro:/srv/x: /srv/x*1", "ro:/tmp/x: /tmp/x*1", "ro:/var/lib/x: /var/lib/x/y*1"}},

		{"in the home directory", "r:/home/ada/x rd:/home/ada r:/home/ada/lib/x", []string{"ro:/home/ada/lib: /home/ada/lib/x*1", "ro:/home/ada/x: /home/ada/x*1", "wide: /home/ada*1"}},
		{"above what is shown", "r:/home/ada/course/x.py rd:/home/ada/course rd:/home", []string{"ro:/home/ada/course/x.py: /home/ada/course/x.py*1", "wide: /home*1 /home/ada/course*1"}},
		{"beside what is shown", "r:/srv/shown/a/x r:/srv/shown/b/x r:/srv/shown/c/x", []string{"ro:/srv/shown/a: /srv/shown/a/x*1", "ro:/srv/shown/b: /srv/shown/b/x*1", "ro:/srv/shown/c: /srv/shown/c/x*1"}},
		{"another's home", "r:/home/bob/x r:/home/bob/.ssh/id rd:/home/bob", []string{"ro:/home/bob/x: /home/bob/x*1", "secret: /home/bob/.ssh/id*1", "wide: /home/bob*1"}},

		{"secrets", "r:/home/ada/.ssh/id rd:/home/ada/.config r:/home/ada/.config/x/y r:/home/ada/.netrc r:/home/ada/.aws/credentials r:/run/user/1000/bus r:/tmp/runtime/x rc:/etc/shadow",
			[]string{"secret: /etc/shadow*1 /home/ada/.aws/credentials*1 /home/ada/.config*1 /home/ada/.config/x/y*1 /home/ada/.netrc*1 /home/ada/.ssh/id*1 /run/user/1000/bus*1 /tmp/runtime/x*1"}},
		{"a place of secrets, looked at", "ld:/home/ada/.config/x ld:/home/ada/.config", nil},
		{"settings that are made", "wn:/home/ada/.config/x w:/home/ada/.config/y", []string{"secret: /home/ada/.config/y*1"}},
		{"a place of secrets, listed", "rd:/home/ada/.config/x", []string{"secret: /home/ada/.config/x*1"}},
		{"secrets among data", "r:/home/ada/.local/share/keyrings/x/y", []string{"secret: /home/ada/.local/share/keyrings/x/y*1"}},
		{"data of programs", "r:/home/ada/.cache/huggingface/hub/x r:/home/ada/.local/lib/x/y rd:/home/ada/.cache", []string{
			"ro:/home/ada/.cache/huggingface/hub: /home/ada/.cache/huggingface/hub/x*1", "ro:/home/ada/.local/lib/x: /home/ada/.local/lib/x/y*1", "wide: /home/ada/.cache*1"}},
		{"much data of programs", "r:/home/ada/.cache/a/x r:/home/ada/.cache/b/x r:/home/ada/.cache/c/x", []string{
			"ro:/home/ada/.cache/a: /home/ada/.cache/a/x*1", "ro:/home/ada/.cache/b: /home/ada/.cache/b/x*1", "ro:/home/ada/.cache/c: /home/ada/.cache/c/x*1"}},
		{"a service", "ls:/run/postgresql/.s.PGSQL.5432", []string{"service: /run/postgresql/.s.PGSQL.5432*1"}},
		{"a covered one", "rv:/srv/a/b/c", []string{"covered: /srv/a/b/c*1"}},
		{"shown in part", "rdp:/home/ada/course rdp:/home/ada rdp:/ rdp:/home r:/home/ada/course/x/y", []string{
			"ro:/home/ada/course/x: /home/ada/course/x/y*1", "partly: /home/ada*1 /home/ada/course*1"}},
		{"a name that can't be typed", "r:/srv/a/\x1b[2J/c r:/srv/a/\xff/c", []string{"unwritten: /srv/a/\x1b[2J/c*1 /srv/a/\xff/c*1"}},

		{"what all look for", "r:/etc/resolv.conf ls:/run/dbus/system_bus_socket r:/proc/1/x r:/sys/fs/cgroup/x r:/home/ada/.bashrc rd:/home/ada/.fonts r:/home/ada/.cache/pip/x", nil},
		{"the way to programs", "ld:/opt/go rd:/opt/go/bin", nil},
		{"a program there", "ld:/opt/go rd:/opt/go/bin x:/opt/go/bin/go", []string{"ro:/opt/go: /opt/go/bin/go*1"}},
		{"import probing", "ld:/home/ada/.local/lib/python3.11/site-packages ld:/home/ada/R/x86_64-pc-linux-gnu-library/4.3 ld:/srv/node_modules", nil},
		{"an import", "r:/home/ada/.local/lib/python3.11/site-packages/x/y.py", []string{"ro:/home/ada/.local/lib/python3.11/site-packages/x: /home/ada/.local/lib/python3.11/site-packages/x/y.py*1"}},
		{"translations", "r:/opt/x/locale/de/LC_MESSAGES/x.mo", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, words(Groups(parse(t, test.seen), s))); diff != "" {
				t.Errorf("- want + got\n%s", diff)
			}
		})
	}
}

// No entry is proposed that shows a secret place, a whole home directory, or others' work
// beside what is shown.
func TestGroupsNeverShowWhole(t *testing.T) {
	s := &Surroundings{Home: "/home/ada", Runtime: "/run/user/7", Shown: []string{"/srv/work/ada"}}
	var all []Seen
	for _, dir := range []string{"/", "/home", "/home/ada", "/home/ada/.ssh", "/home/ada/.config", "/run/user/7", "/run", "/srv/work", "/etc", "/tmp"} {
		for _, name := range []string{"a/x", "b/x", "c/x", "d", "bin/e"} {
			for _, use := range rank {
				all = append(all, Seen{Path: strings.TrimSuffix(dir, "/") + "/" + name, Use: use, Count: 1})
			}
		}
		all = append(all, Seen{Path: dir, Use: Write, Dir: true, Count: 1})
	}
	for _, g := range Groups(all, s) {
		for _, never := range []string{"/home/ada/.ssh/x", "/home/ada/.config/x", "/run/user/7/x", "/srv/work/bob", "/etc/x", "/tmp/x", "/home/ada/x"} {
			if g.Show != "" && pathname.Within(never, g.Show) {
				t.Errorf("%s is proposed, which shows %s", g.Show, never)
			}
		}
	}
}

// Nor under other names of these places, as links and mounts give them.
func TestGroupsNeverShowWholeByOtherNames(t *testing.T) {
	s := &Surroundings{Home: "/home/ada", Runtime: "/run/user/7", Shown: []string{"/srv/work/ada"}}
	for _, real := range []string{"/home", "/home/ada", "/home/ada/.ssh", "/home/ada/.config/a", "/run/user/7", "/srv/work"} {
		var all, controls []Seen
		for _, name := range []string{"a/x", "b/x", "c/x", "d", "bin/e"} {
			for _, use := range rank {
				f := Seen{Path: "/data/" + name, Real: real + "/" + name, Use: use, Count: 1}
				all = append(all, f)
				f.Real = ""
				controls = append(controls, f)
			}
		}
		all = append(all, Seen{Path: "/data", Real: real, Use: Write, Dir: true, Count: 1})
		controls = append(controls, Seen{Path: "/data", Use: Write, Dir: true, Count: 1})

		whole := func(g Group) bool { return g.Show == "/data" }
		if slices.ContainsFunc(Groups(all, s), whole) {
			t.Errorf("%s is proposed whole", real)
		}
		if !slices.ContainsFunc(Groups(controls, s), whole) {
			t.Error("an ordinary directory isn't proposed: the test shows nothing")
		}
	}
}

// A program that looks for very many directories doesn't keep its caller busy.
func TestManyDirectories(t *testing.T) {
	var all []Seen
	for i := range 80_000 {
		all = append(all, Seen{Path: fmt.Sprintf("/srv/%d", i), Use: Look, Dir: true, Count: 1})
	}
	start := time.Now()
	if got := len(withoutWays(sum(all))); got != len(all) {
		t.Errorf("%d of %d are left", got, len(all))
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it takes %v", took)
	}
}
