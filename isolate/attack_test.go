package isolate

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// An attack is something that a program tries to do to what it wasn't given.
// It fails inside; and it succeeds in its control, where nothing but the
// protection is missing, so that it could have.
type attack struct {
	name    string
	control control
	try     func(w *world) error // nil: it succeeded
}

// A control is where an attack succeeds.
type control string

const (
	// plainly is a process of the same user's, without a sandbox.
	plainly control = "plainly"
	// privileged is a process with all capabilities in namespaces of its own:
	// what a program could do in a sandbox that kept its privileges.
	privileged control = "with privileges"
)

func allAttacks() []attack {
	var all []attack
	for _, some := range [][]attack{fileAttacks(), writeAttacks(), processAttacks(), namespaceAttacks(), mountAttacks(), privilegeAttacks(), procAttacks(), networkAttacks(), callAttacks(), leftoverAttacks(), inheritedAttacks()} {
		all = append(all, some...)
	}
	return all
}

// attackerRole tries the attacks of one control and prints the names of those
// that succeeded.
func attackerRole(args []string) int {
	var w world
	if err := json.Unmarshal([]byte(args[1]), &w); err != nil {
		panic(err)
	}
	runtime.LockOSThread()
	for _, a := range allAttacks() {
		if string(a.control) == args[0] {
			report(a.name, tryOne(&w, a))
		}
	}
	return 0
}

// attacksRole prints the control and the name of each attack.
func attacksRole([]string) int {
	for _, a := range allAttacks() {
		fmt.Printf("%s\t%s\n", a.control, a.name)
	}
	return 0
}

// tryOne gives each attack a process of its own, since many change the one
// that tries them.
func tryOne(w *world, a attack) error {
	data, _ := json.Marshal(w)
	one := exec.Command(os.Args[0], a.name, string(data))
	one.Env = append(os.Environ(), roleVariable+"=attack")
	out, err := one.CombinedOutput()
	if err != nil {
		_, why, _ := strings.Cut(strings.TrimSpace(string(out)), "\t")
		return fmt.Errorf("%v: %s", err, why)
	}
	return nil
}

func attackRole(args []string) int {
	var w world
	if err := json.Unmarshal([]byte(args[1]), &w); err != nil {
		panic(err)
	}
	runtime.LockOSThread()
	os.Chdir(w.Work)
	for _, a := range allAttacks() {
		if a.name == args[0] {
			err := a.try(&w)
			report(a.name, err)
			if err != nil {
				return 1
			}
			return 0
		}
	}
	return 2
}

func report(name string, err error) {
	if err == nil {
		fmt.Printf("succeeded\t%s\n", name)
	} else {
		fmt.Printf("failed\t%s\t%s\n", name, strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", " "))
	}
}

func TestAttacks(t *testing.T) {
	all := allAttacks()
	t.Logf("%d attacks", len(all))
	seen := map[string]bool{}
	for _, a := range all {
		if seen[a.name] {
			t.Errorf("two attacks are named %q", a.name)
		}
		seen[a.name] = true
	}

	for _, where := range []control{plainly, privileged} {
		w := newWorld(t)
		outside := outcomes(t, controlRun(t, where, w))
		inside := outcomes(t, insideRun(t, where, newWorld(t)))
		for _, a := range all {
			if a.control != where {
				continue
			}
			t.Run(a.name, func(t *testing.T) {
				if got := inside[a.name]; got == "" || got == "succeeded" {
					t.Errorf("inside it %s", orNot(got))
				}
				if got := outside[a.name]; got != "succeeded" {
					t.Errorf("%s it %s: the attack proves nothing", where, orNot(got))
				}
			})
		}
	}
}

func orNot(outcome string) string {
	if outcome == "" {
		return "was not tried"
	}
	return outcome
}

// outcomes returns what an attacker's output says of each attack.
func outcomes(t *testing.T, out string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(out) {
		outcome, rest, _ := strings.Cut(strings.TrimSpace(line), "\t")
		name, why, _ := strings.Cut(rest, "\t")
		all[name] = strings.TrimSpace(outcome + " " + why)
	}
	return all
}

// controlRun tries the attacks of one control outside. With privileges each
// gets namespaces of its own: what one mounts would be in the next one's way.
func controlRun(t *testing.T, where control, w *world) string {
	t.Helper()
	if where == plainly {
		return attackOutside(t, "attacker", w, selfPath(t), string(where), worldJSON(t, w))
	}
	var all strings.Builder
	for _, a := range allAttacks() {
		if a.control == where {
			all.WriteString(attackOutside(t, "attack", w, "unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup",
				"--fork", "--kill-child", "--mount-proc", selfPath(t), a.name, worldJSON(t, w)))
		}
	}
	return all.String()
}

func attackOutside(t *testing.T, role string, w *world, argv ...string) string {
	t.Helper()
	attacker := exec.Command(argv[0], argv[1:]...)
	attacker.Env = append(os.Environ(), roleVariable+"="+role)
	attacker.Dir = w.Work
	out, err := attacker.CombinedOutput()
	if err != nil && role == "attacker" {
		t.Fatalf("the attacker outside: %v, %s", err, out)
	}
	return string(out)
}

func insideRun(t *testing.T, where control, w *world) string {
	t.Helper()
	self := selfPath(t)
	p := Policy{
		Mounts: []Mount{
			{Source: w.Work}, {Source: w.Frozen, Access: ReadOnly}, {Source: self, Access: ReadOnly},
			{Target: w.Hidden, Access: Masked}, {Target: w.Shadow, Access: Masked},
		},
		Dir: w.Work, Home: HomeDir(), Env: []string{roleVariable + "=attacker", "PATH=/usr/bin:/bin"},
	}
	w.First = 1
	var out strings.Builder
	c := Command(p, self, string(where), worldJSON(t, w))
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		t.Fatalf("the attacker inside: %v, %s", err, &out)
	}
	return out.String()
}

func selfPath(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

func worldJSON(t *testing.T, w *world) string {
	t.Helper()
	data, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
