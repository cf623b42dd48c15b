package isolate

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The same script runs in the caller, with what it is to leave behind, and in
// its sandbox. A negative niceness is root's; an ordinary user's stays 0.
func TestInherited(t *testing.T) {
	const script = `
echo umask $(umask)
echo files $(ulimit -Sn)
echo core $(ulimit -Sc; ulimit -c 0; awk '/core file/ { print $5 }' /proc/self/limits)
echo dumps $(cat /proc/self/coredump_filter)
echo niceness $(nice)
echo memory $(cat /proc/self/oom_score_adj)
grep -E '^Sig(Blk|Ign)' /proc/self/status | tr '\t' ' '
`

	cases := []struct{ given, outside, inside string }{
		{"umask 000", "umask 0000", "umask 0000"},
		{"umask 002", "umask 0002", "umask 0002"},
		{"umask 077", "umask 0077", "umask 0077"},
		{"ulimit -Sn 700", "files 700", "files 700"},
		// A process that sets the limit to 0 would have its dumps piped.
		{"ulimit -Sc 99", "core 99 0", "core 0 1"},
		{"echo 0x7f >/proc/self/coredump_filter", "dumps 0000007f", "dumps 00000000"},
		{"renice -n 3 $$ >/dev/null", "niceness 3", "niceness 3"},
		{"", "memory 0", "memory 500"},
		// Of the other signals only a command knows that was linked with Entry
		// (internal/inherited): test_as_plain.py.
		{"trap '' INT", "SigIgn: 0000000000000002", "SigIgn: 0000000000000002"},
	}
	if os.Geteuid() == 0 {
		cases = append(cases, struct{ given, outside, inside string }{"renice -n -5 $$ >/dev/null", "niceness -5", "niceness 0"})
	}

	for _, c := range cases {
		dir := t.TempDir()
		// The trailing command keeps the shell, whose limits the caller had.
		outer := exec.Command("sh", "-c", c.given+"\n"+script+"\n"+`echo inside; "$0" "$@"; exit $?`, os.Args[0], dir, "sh", "-c", script)
		outer.Env = append(os.Environ(), roleVariable+"=caller")
		outer.Stderr = os.Stderr
		out, err := outer.Output()
		outside, inside, _ := strings.Cut(string(out), "inside\n")
		if err != nil || !hasLine(outside, c.outside) || !hasLine(inside, c.inside) {
			t.Errorf("%q: %v\noutside, want %q:\n%sinside, want %q:\n%s", c.given, err, c.outside, outside, c.inside, inside)
		}
	}
}

func hasLine(text, line string) bool {
	return strings.Contains("\n"+text, "\n"+line+"\n")
}

// The machine's NIS domain names those who run it. The caller is in a machine
// that has one.
func TestDomainNameIsNotShown(t *testing.T) {
	const script = "cat /proc/sys/kernel/domainname"
	outer := exec.Command(selfPath(t), t.TempDir(), script)
	outer.Env = append(os.Environ(), roleVariable+"=named")
	outer.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWUTS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}}
	if out, err := outer.CombinedOutput(); err != nil || string(out) != "students.example\n(none)\n" {
		t.Errorf("outside and inside: %v, %s", err, out)
	}
}

// namedRole runs a script outside and inside, on a machine with a domain.
func namedRole(args []string) int {
	if err := unix.Setdomainname([]byte("students.example")); err != nil {
		fmt.Println(err)
		return 1
	}
	out, err := exec.Command("sh", "-c", args[1]).Output()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Print(string(out))
	return callerRole([]string{args[0], "sh", "-c", args[1]})
}

// The machine's devices are the host's own, and root's outside are root's
// inside: their modes and times can't be changed, by the name or by a
// descriptor that the program was given.
func TestDevicesStayAsTheyAre(t *testing.T) {
	for _, name := range devices {
		path := "/dev/" + name
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		mode := fmt.Sprintf("%o", info.Mode().Perm())
		scripts := []string{"chmod " + mode + " " + path + " 2>&1; test -w " + path + " && echo usable"}
		if name == "null" { // which is what sh gives it for its input
			scripts = append(scripts, "chmod "+mode+" /proc/self/fd/0 2>&1; echo x >&0; cat; echo usable")
		}
		for _, script := range scripts {
			out, err := sh(t, in(t.TempDir()), script)
			if err != nil || !strings.Contains(out, "Read-only file system") || !strings.Contains(out, "usable") {
				t.Errorf("%s: %v, %s", script, err, out)
			}
		}
		if os.Geteuid() == 0 { // the control: its owner can set the mode that it has
			if err := os.Chmod(path, info.Mode().Perm()); err != nil {
				t.Error(err)
			}
		}
	}
}
