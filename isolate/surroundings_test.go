package isolate

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"isolate-namespace/internal/place"
	"isolate-namespace/isolate/internal/calls"

	"golang.org/x/sys/unix"
)

// under runs a test role under the filters of that name.
func under(t *testing.T, filter, role string, args ...string) (string, error) {
	t.Helper()
	self := selfPath(t)
	c := exec.Command(self, append([]string{filter, "/usr/bin/env", roleVariable + "=" + role, self}, args...)...)
	c.Env = append(os.Environ(), roleVariable+"=filtered")
	out, err := c.CombinedOutput()
	return string(out), err
}

// What a filter forbids is found out, whatever it answers: nothing more, and all
// of it.
func TestRefusedCalls(t *testing.T) {
	for filter, want := range map[string]string{
		"none":                                "[]",
		"podman":                              "[]",
		"docker-admin":                        "[]", // pivot_root, of which nobody can know
		"docker":                              "[clone mount umount2 open_tree mount_setattr]",
		"RestrictNamespaces":                  "[clone]",
		"RestrictSUIDSGID":                    "[openat2]",
		"RestrictNamespaces,RestrictSUIDSGID": "[clone openat2]",
		"SystemCallFilter":                    "[mount umount2 open_tree mount_setattr pivot_root]",
		"SystemCallFilter-names":              "[]", // a sandbox does without
	} {
		out, err := under(t, filter, "surroundings")
		if err != nil || out != want+"\n" {
			t.Errorf("%s: %v, %s want %s", filter, err, out, want)
		}
	}
}

// surroundingsRole says what is found out of a place.
func surroundingsRole(args []string) int {
	switch strings.Join(args, " ") {
	case "":
		fmt.Println(LookAround().Refused)
	case "landlock":
		fmt.Println(Landlock())
	case "describe", "hostname":
		p := Policy{Dir: "/"}
		if args[0] == "hostname" {
			p.Hostname = "mine"
		}
		text, err := p.Describe()
		fmt.Print(text)
		if err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return 0
}

// What hides parts of /proc isn't in the way where a whole one can be made all
// the same.
func TestCanMakeProc(t *testing.T) {
	if !canMakeProc() {
		t.Error("it can't be made here")
	}
	out, err := runIn(t, "mount -t proc proc /proc && mount --bind /dev/null /proc/keys")
	if err == nil || !strings.Contains(out, "masks: [/proc/keys]") {
		t.Errorf("where a part is hidden: %v, %s", err, out)
	}
}

// Where init can't learn that the program has ended, it ends itself, and so do all who
// wait for it.
func TestWithoutWaiting(t *testing.T) {
	out, err := under(t, "no-waitid", "caller", t.TempDir(), "sh", "-c", "echo ran")
	if err == nil || !strings.Contains(out, "killed by signal 9") {
		t.Errorf("%v: %s", err, out)
	}
}

// A filter is what is blamed for what it forbids, and with all of it.
func TestFiltered(t *testing.T) {
	cases := []struct {
		filter string
		want   []string // in what is said, or nothing where the program runs
	}{
		{"docker", []string{"make namespaces: a filter of system calls forbids them", string(KindFiltered), "refused: [clone mount"}},
		{"RestrictNamespaces,RestrictSUIDSGID", []string{"make namespaces: a filter of system calls forbids them", "refused: [clone openat2]"}},
		{"docker-admin", []string{"leave the old root: a filter of system calls forbids that", string(KindFiltered), "refused: [pivot_root]"}},
		{"RestrictSUIDSGID", []string{": a filter of system calls forbids that", string(KindFiltered), "refused: [openat2]"}},
		{"SystemCallFilter", []string{"a filter of system calls killed init", string(KindFiltered), "refused: [mount"}},
		{"no-landlock", []string{"a filter of system calls forbids Landlock", string(KindFiltered), "refused: [landlock_create_ruleset]"}},
		{"kills-landlock", []string{"a filter of system calls forbids Landlock", "refused: [landlock_create_ruleset]"}},
		{"kills-landlock,SystemCallFilter", []string{"a filter of system calls forbids Landlock", "refused: [mount umount2 open_tree mount_setattr pivot_root landlock_create_ruleset]"}},
		{"none", nil},
		{"podman", nil},
		{"SystemCallFilter-names", nil},
		{"rhel-9.7", nil},
		{"no-sendto", nil}, // an early init can't be told
	}
	for _, c := range cases {
		out, err := under(t, c.filter, "caller", t.TempDir(), "sh", "-c", "echo ran")
		if ran := strings.Contains(out, "ran\n"); ran != (c.want == nil) || ran != (err == nil) {
			t.Errorf("%s: %v, %s", c.filter, err, out)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %s\nwant %q", c.filter, out, want)
			}
		}
	}
}

// A process that a filter kills while it tries, or makes a sandbox, leaves no core
// dump, which would be of its caller's memory.
func TestKilledLeaveNoDump(t *testing.T) {
	for _, role := range []string{"surroundings", "caller"} {
		dir := t.TempDir()
		script := "cd " + dir + " && ulimit -c unlimited && exec \"$@\""
		self := selfPath(t)
		c := exec.Command("sh", "-c", script, "sh", self, "SystemCallFilter", "/usr/bin/env", roleVariable+"="+role, self)
		if role == "caller" {
			c.Args = append(c.Args, dir, "true")
		}
		c.Env = append(os.Environ(), roleVariable+"=filtered")
		out, _ := c.CombinedOutput()
		if left, _ := os.ReadDir(dir); len(left) > 0 || !strings.Contains(string(out), "pivot_root") {
			t.Errorf("%s left %v behind: %s", role, left, out)
		}
	}
}

// A default name that can't be set is the caller's, in /etc too, and that is said.
// One that was asked for is an error.
func TestNamesThatCannotBeSet(t *testing.T) {
	own, _ := callersNames()
	for _, filter := range []string{"podman", "SystemCallFilter-names"} {
		out, err := under(t, filter, "surroundings", "hostname")
		if err == nil || !strings.Contains(out, "set the host name mine: a filter of system calls forbids that") {
			t.Errorf("%s: %v, %s", filter, err, out)
		}
	}
	for filter, want := range map[string]string{"none": "isolated\n127.0.1.1 isolated\n", "podman": own + "\n127.0.1.1 " + own + "\n"} {
		out, err := under(t, filter, "caller", t.TempDir(), "sh", "-c", "uname -n; tail -n 1 /etc/hosts")
		if err != nil || out != want {
			t.Errorf("%s: %v, %q, want %q", filter, err, out, want)
		}
		out, err = under(t, filter, "surroundings", "describe")
		if said := strings.Contains(out, "its hostname can't be set"); err != nil || said != (filter == "podman") {
			t.Errorf("%s: %v, %s", filter, err, out)
		}
	}
}

// One wrong reason for what AppArmor, gVisor and a filter do would be another's.
func TestExplainByPlace(t *testing.T) {
	confined, filter, gVisor := place.Place{Profile: "docker-default"}, place.Place{Filtered: true}, place.Place{GVisor: true}
	cases := []struct {
		name    string
		place   place.Place
		refused []string
		step    calls.Step
		errno   unix.Errno
		want    Kind
	}{
		{"mounts, in a container's profile", confined, nil, calls.PrivateMounts, unix.EACCES, KindConfined},
		{"a closed directory, in a container's profile", confined, nil, calls.EnterDirectory, unix.EACCES, ""},
		{"capabilities, in a container's profile", confined, nil, calls.AssembleRoot, unix.EPERM, KindConfined},
		{"a masked /proc", confined, nil, calls.MakeFileSystem, unix.EPERM, KindProcHidden},
		{"a filter without mount", filter, []string{"mount"}, calls.PrivateMounts, unix.EPERM, KindFiltered},
		{"a filter without pivot_root", filter, nil, calls.LeaveRoot, unix.EPERM, KindFiltered},
		{"a filter that has nothing to do with it", filter, nil, calls.PrivateMounts, unix.EPERM, ""},
		{"a filter without some call", filter, nil, calls.SetDescriptors, unix.ENOSYS, KindFiltered},
		{"an old kernel", place.Place{}, nil, calls.FreezeRoot, unix.ENOSYS, ""},
		{"gVisor", gVisor, nil, calls.MakeFileSystem, unix.ENOSYS, KindGVisor},
		{"gVisor, in a closed directory", gVisor, nil, calls.EnterDirectory, unix.EACCES, ""},
		{"a name", filter, nil, calls.SetHostname, unix.EPERM, KindHostname},
		{"a user", place.Place{}, nil, calls.MapUser, unix.EPERM, KindUnmappable},
	}
	for _, c := range cases {
		e := &SetupError{}
		s := &Surroundings{c.place, c.refused}
		explained := explainByPlace(e, s, calls.Note{Step: c.step, Path: "proc"}, c.errno)
		if e.Kind != c.want || explained != (c.want != "") || c.want == KindFiltered && s.Refused == nil {
			t.Errorf("%s: %+v of %q, want %q", c.name, e, e.Kind, c.want)
		}
	}
}

// The version of Landlock is that of which the kernel does what it means.
func TestUsableLandlock(t *testing.T) {
	reported, usable := Landlock()
	if usable != reported {
		t.Errorf("reported %d, usable %d", reported, usable)
	}
	out, err := under(t, "rhel-9.7", "surroundings", "landlock")
	if want := fmt.Sprintln(reported, min(reported, landlockScopes-1)); err != nil || out != want {
		t.Errorf("where scopes are refused: %v, %s, want %s", err, out, want)
	}
	if now, old := len(rulesetAttr(landlock{abi: landlockScopes})), len(rulesetAttr(landlock{abi: 1})); now != 3 || old != 1 {
		t.Errorf("the structure has %d words, of which an old kernel gets %d", now, old)
	}
}
