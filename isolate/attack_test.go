package isolate

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/attack"
)

// self returns the test binary as the attacker.
func self(t *testing.T) attack.Attacker {
	t.Helper()
	return attack.Attacker{Path: selfPath(t), Env: []string{roleVariable + "=attacker"}}
}

// newWorld makes a world for the time of a test.
func newWorld(t *testing.T) *attack.World {
	t.Helper()
	w, err := attack.NewWorld(t.TempDir(), self(t))
	t.Cleanup(w.End)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestAttacks(t *testing.T) {
	all := attack.All()
	t.Logf("%d attacks", len(all))
	seen := map[string]bool{}
	for _, a := range all {
		if seen[a.Name] {
			t.Errorf("two attacks are named %q", a.Name)
		}
		seen[a.Name] = true
	}

	for _, where := range []attack.Control{attack.Plainly, attack.Privileged} {
		outside := outcomes(controlRun(t, where, newWorld(t)))
		inside := outcomes(insideRun(t, where, newWorld(t), func(*Policy) {}))
		listened := outcomes(insideRun(t, where, newWorld(t), func(p *Policy) { p.Missed = true }))
		for _, a := range all {
			if a.Control != where {
				continue
			}
			t.Run(a.Name, func(t *testing.T) {
				if got := inside[a.Name]; got == "" || got == "succeeded" {
					t.Errorf("inside it %s", orNot(got))
				}
				if got := listened[a.Name]; got == "" || got == "succeeded" {
					t.Errorf("inside, with Missed, it %s", orNot(got))
				}
				if got := outside[a.Name]; got != "succeeded" {
					t.Errorf("%s it %s: the attack proves nothing", where, orNot(got))
				}
			})
		}
	}
}

// With the process file system of its caller the program gets what docs/security.md
// says, and nothing else.
func TestAttacksWithSharedProc(t *testing.T) {
	given := attack.WithSharedProc()
	if os.Geteuid() == 0 { // whose are the files of init, which others may not list
		given = append(given, "lists the first process's descriptors")
	}
	tried := 0
	for _, where := range []attack.Control{attack.Plainly, attack.Privileged} {
		w := newWorld(t)
		w.Shared = true
		for name, outcome := range outcomes(insideRun(t, where, w, func(p *Policy) { p.ShareProc = true })) {
			tried++
			if succeeded := outcome == "succeeded"; succeeded != slices.Contains(given, name) {
				t.Errorf("%s: %s", name, outcome)
			}
		}
	}
	if tried != len(attack.All()) {
		t.Errorf("%d attacks were tried of %d", tried, len(attack.All()))
	}
}

// With services, devices and GPUs the program gets those that are named, and nothing else.
func TestAttacksWithWhatIsNamed(t *testing.T) {
	withHelper(t)
	machine := nvidiaMachine().make(t)
	device := "/dev/net/tun"
	if unix.Access(device, unix.R_OK|unix.W_OK) != nil {
		device = "/dev/full"
	}
	for _, where := range []attack.Control{attack.Plainly, attack.Privileged} {
		w := newWorld(t)
		others := []Service{{"localhost", w.Port + 1, false}, {"a.test", 8443, true}, {"*.test", 443, true}}
		for name, outcome := range outcomes(insideRun(t, where, w, func(p *Policy) {
			p.Services, p.Devices, p.GPU, p.machine = others, []string{device}, "0", machine
		})) {
			if outcome == "succeeded" {
				t.Errorf("with others: %s", name)
			}
		}
	}

	w := newWorld(t)
	given := []string{"connects to a service on the loopback interface", "connects to it by another address", "finds its port in use", "sees its port"}
	for name, outcome := range outcomes(insideRun(t, attack.Plainly, w, func(p *Policy) { p.Services = []Service{{"127.0.0.1", w.Port, false}} })) {
		if succeeded := outcome == "succeeded"; succeeded != slices.Contains(given, name) {
			t.Errorf("with the service: %s: %s", name, outcome)
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
func outcomes(out string) map[string]string {
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
func controlRun(t *testing.T, where attack.Control, w *attack.World) string {
	t.Helper()
	if where == attack.Plainly {
		attacker := self(t).Command("all", string(where), worldJSON(t, w))
		out, err := attacker.CombinedOutput()
		if err != nil {
			t.Fatalf("the attacker outside: %v, %s", err, out)
		}
		return string(out)
	}

	var all strings.Builder
	for _, a := range attack.All() {
		if a.Control != where {
			continue
		}
		attacker := self(t).Command("one", a.Name, worldJSON(t, w))
		attacker.Args = append(attack.OwnNamespaces, append([]string{attacker.Path}, attacker.Args[1:]...)...)
		attacker.Path = lookPath(t, attacker.Args[0])
		out, _ := attacker.CombinedOutput() // its status is in what it says
		all.Write(out)
	}

	return all.String()
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func insideRun(t *testing.T, where attack.Control, w *attack.World, change func(*Policy)) string {
	t.Helper()
	attacker := self(t)
	p := Policy{
		Mounts: []Mount{
			Writable(w.Work), ReadOnly(w.Frozen), ReadOnly(attacker.Path),
			Masked(w.Hidden), Masked(w.Shadow),
		},
		Dir: w.Work, Home: HomeDir(), Env: append(attacker.Env, "PATH=/usr/bin:/bin"),
	}
	change(&p)
	w.First = 1
	var out strings.Builder
	c := Command(p, attacker.Path, "all", string(where), worldJSON(t, w))
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

func worldJSON(t *testing.T, w *attack.World) string {
	t.Helper()
	data, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
