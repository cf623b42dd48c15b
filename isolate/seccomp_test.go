package isolate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"isolate-namespace/isolate/internal/attack"
)

// selfIn returns a policy under which this test binary runs inside, in the role
// that the environment names, with dir as its writable directory.
func selfIn(dir, role string) Policy {
	p := in(dir)
	p.Mounts = append(p.Mounts, ReadOnly(filepath.Dir(os.Args[0])))
	p.Env = []string{roleVariable + "=" + role, "PATH=/usr/bin:/bin"}
	return p
}

// The control of every case is the same call outside.
func TestForbiddenCalls(t *testing.T) {
	for _, c := range attack.ForbiddenCalls() {
		t.Run(c.Name, func(t *testing.T) {
			want := fmt.Sprintln(int(c.Want))
			control := self(t).Command("forbidden", t.TempDir(), c.Name)
			if out, err := control.Output(); err != nil || string(out) == want {
				t.Errorf("outside: %q, %v; it shows nothing", out, err)
			}
			for _, missed := range []bool{false, true} {
				dir := t.TempDir()
				p := selfIn(dir, "attacker")
				p.Missed = missed
				var out bytes.Buffer
				cmd := Command(p, os.Args[0], "forbidden", dir, c.Name)
				cmd.Stdout = &out
				if err := cmd.Run(); err != nil || out.String() != want {
					t.Errorf("inside, with Missed %v: errno %q, %v; want %q", missed, strings.TrimSpace(out.String()), err, strings.TrimSpace(want))
				}
			}
		})
	}
}

func TestUsualCalls(t *testing.T) {
	dir := t.TempDir()
	want, err := self(t).Command("usual", dir).Output()
	if err != nil {
		t.Fatalf("outside: %s, %v", want, err)
	}
	cmd := Command(selfIn(dir, "attacker"), os.Args[0], "usual", dir)
	var got bytes.Buffer
	cmd.Stdout = &got
	if err := cmd.Run(); err != nil || got.String() != string(want) {
		t.Errorf("inside: %v\n%swant\n%s", err, got.String(), want)
	}
}

// Another sandbox may be made inside where the policy says so, which is the
// control of the rules that it lifts.
func TestFilterOfNesting(t *testing.T) {
	for _, nesting := range []bool{true, false} {
		p := in(t.TempDir())
		p.AllowUserNamespaces = nesting
		_, err := sh(t, p, "unshare -U true")
		if made := err == nil; made != nesting {
			t.Errorf("AllowUserNamespaces %v: a user namespace inside: %v", nesting, err)
		}
	}
}
