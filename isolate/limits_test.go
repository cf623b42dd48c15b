package isolate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v5"
	"golang.org/x/sys/unix"
)

func TestLimitsSet(t *testing.T) {
	cases := []struct {
		name, value string
		want        Limits
		err         string
	}{
		{name: "memory", value: "1G", want: Limits{Memory: 1 << 30}},
		{name: "memory", value: "512m", want: Limits{Memory: 512 << 20}},
		{name: "memory", value: "1048576", want: Limits{Memory: 1 << 20}},
		{name: "memory", value: "1023K", err: "at least"},
		{name: "memory", value: "", err: "not a size"},
		{name: "memory", value: "M", err: "not a size"},
		{name: "memory", value: "-1", err: "not a size"},
		{name: "memory", value: "+1", err: "not a size"},
		{name: "memory", value: "1.5G", err: "not a size"},
		{name: "memory", value: "9999999T", err: "not a size"},
		{name: "file-size", value: "10K", want: Limits{FileSize: 10 << 10}},
		{name: "pids", value: "10", want: Limits{Pids: 10}},
		{name: "pids", value: "0", err: "not a number"},
		{name: "cpus", value: "0.5", want: Limits{CPUs: 0.5}},
		{name: "cpus", value: "NaN", err: "not a number"},
		{name: "cpus", value: "0", err: "not a number"},
		{name: "time", value: "90", want: Limits{Time: 90 * time.Second}},
		{name: "time", value: "0.25", want: Limits{Time: 250 * time.Millisecond}},
		{name: "time", value: "1h30m", want: Limits{Time: 90 * time.Minute}},
		{name: "time", value: "0", err: "not a time"},
		{name: "time", value: "-5s", err: "not a time"},
		{name: "time", value: "inf", err: "not a time"},
		{name: "cpu-time", value: "2s", want: Limits{CPUTime: 2 * time.Second}},
		{name: "tmp-size", value: "1M", want: Limits{TmpSize: 1 << 20}},
		{name: "memory", value: "none", want: Limits{Memory: Unlimited}},
		{name: "pids", value: "none", want: Limits{Pids: Unlimited}},
		{name: "cpus", value: "none", want: Limits{CPUs: Unlimited}},
		{name: "time", value: "none", want: Limits{Time: Unlimited}},
		{name: "tmp-size", value: "NONE", err: "not a size"},
		{name: "disk", value: "1", err: "no such limit"},
		{name: "disk", value: "none", err: "no such limit"},
	}
	for _, c := range cases {
		var got Limits
		err := got.Set(c.name, c.value)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s %q: error %v, want one with %q", c.name, c.value, err, c.err)
			}
		} else if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s %q: %v\n%s", c.name, c.value, err, diff)
		}
	}
}

func TestFormatSize(t *testing.T) {
	for _, s := range []string{"1", "1023", "1K", "1025", "1536M", "3G", "2T", "4096T"} {
		n, err := ParseSize(s)
		if err != nil || FormatSize(n) != s {
			t.Errorf("%s becomes %d becomes %s, error %v", s, n, FormatSize(n), err)
		}
	}
}

// Each program goes beyond one limit; without the limit it succeeds.
func TestLimits(t *testing.T) {
	cases := []struct {
		name, value string
		script      string
		signals     bool // the limit ends it, however it is enforced
	}{
		{"memory", "60M", "dd if=/dev/zero of=/dev/null bs=200M count=1 2>&1", false},
		{"pids", "8", "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3 & done; wait", false},
		{"time", "0.3", "sleep 2", true},
		{"cpu-time", "0.3", "i=0; while [ $i -lt 1500000 ]; do i=$((i+1)); done", true},
		{"file-size", "1M", "dd if=/dev/zero of=/tmp/x bs=1M count=3 2>&1", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := in(t.TempDir())
			if _, err := sh(t, p, c.script); err != nil {
				t.Fatalf("without the limit: %v", err)
			}
			if err := p.Limits.Set(c.name, c.value); err != nil {
				t.Fatal(err)
			}

			cmd := Command(p, "sh", "-c", c.script)
			err := runNoting(t, cmd)
			r := cmd.Report()
			var exit *ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("error %v", err)
			}
			asked := slices.DeleteFunc(slices.Clone(r.InForce), func(f InForce) bool { return f.Default })
			if len(asked) != 1 || asked[0].Limit != c.name {
				t.Fatalf("in force: %v", r.InForce)
			}

			// Where each process is refused more, it is for the program to end.
			if c.signals || strings.HasPrefix(asked[0].By, "cgroup") {
				if r.Limit != c.name || exit.Kind != KindReached || exit.About != c.name {
					t.Errorf("limit %q, error %q", r.Limit, exit)
				}
			}
		})
	}
}

// runNoting is Run, and checks that no control group is left of it.
func runNoting(t *testing.T, cmd *Cmd) error {
	t.Helper()
	if err := cmd.Start(); err != nil {
		return err
	}
	dirs := cmd.limiter.group.Dirs()
	err := cmd.Wait()
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("left behind: %s", dir)
		}
	}
	return err
}

// A process that is not the program itself goes beyond the limit of memory:
// all of the sandbox ends.
func TestMemoryLimitEndsTheSandbox(t *testing.T) {
	p := in(t.TempDir())
	p.Limits.Memory = 60 << 20
	cmd := Command(p, "sh", "-c", "dd if=/dev/zero of=/dev/null bs=200M count=1 2>&1; sleep 5; exit 3")
	err := cmd.Run()
	if r := cmd.Report(); strings.HasPrefix(r.InForce[0].By, "cgroup") {
		if r.Limit != "memory" || ExitCode(err) == 3 || r.Memory < 30<<20 || r.Memory > 60<<20 {
			t.Errorf("%v: %+v", err, r)
		}
	} else if got := ExitCode(err); got != 3 {
		t.Errorf("status %d, want the program's own", got)
	}
}

// A limit of memory that no cgroup enforces is said to be of each process, and
// bounds the directories in memory and, as root, System V's shared memory. In a
// sandbox in a sandbox no cgroup can be made.
func TestMemoryWithoutACgroup(t *testing.T) {
	self, dir := selfPath(t), t.TempDir()
	outer := in(dir)
	outer.Mounts = append(outer.Mounts, ReadOnly(self))
	outer.AllowUserNamespaces = true
	outer.Env = []string{roleVariable + "=memoryInside", "PATH=/usr/bin:/bin"}
	var out strings.Builder
	cmd := Command(outer, self)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, &out)
	}

	want := "[memory]\nfull\n"
	if os.Getuid() == 0 {
		want += "refused\n"
	} else {
		want += "made\n"
	}
	if want += "[]\nnot full\nmade\n"; out.String() != want {
		t.Errorf("%s\nwant %s", &out, want)
	}
}

func memoryInsideRole([]string) int {
	const script = `head -c 60M /dev/zero >/dev/shm/x 2>/dev/null && echo not full || echo full
		ipcmk -M 60M >/dev/null 2>&1 && echo made || echo refused`
	for _, memory := range []int64{40 << 20, 0} {
		cmd := Command(Policy{Dir: "/", Limits: Limits{Memory: memory}}, "sh", "-c", script)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			fmt.Println(err)
			return 1
		}
		var each []string
		for _, f := range cmd.InForce() {
			if f.EachProcess() {
				each = append(each, f.Limit)
			}
		}
		fmt.Println(each)
		cmd.Wait()
	}
	return 0
}

// Sandboxes of one caller share the group that theirs are made in.
func TestLimitStaysWhenAnotherSandboxEnds(t *testing.T) {
	other, p := in(t.TempDir()), in(t.TempDir())
	other.Limits.Pids, p.Limits.Memory = 50, 60<<20
	first := Command(other, "sleep", "600")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}

	second := Command(p, "sh", "-c", "read go; dd if=/dev/zero of=/dev/null bs=200M count=1 2>&1; exit 3")
	inner, outer := io.Pipe()
	second.Stdin = inner
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	first.Signal(unix.SIGKILL)
	first.Wait()
	io.WriteString(outer, "go\n")
	outer.Close()
	err := second.Wait()
	if r := second.Report(); strings.HasPrefix(r.InForce[0].By, "cgroup") && r.Limit != "memory" {
		t.Errorf("%v: %+v", err, r)
	}
}

// Where not even init fits into the limit, that is said.
func TestMemoryLimitTooSmallForInit(t *testing.T) {
	p := in(t.TempDir())
	p.Limits.Memory = 4096
	cmd := Command(p, "true")
	err := cmd.Run()
	var setup *SetupError
	if errors.As(err, &setup) {
		if !strings.Contains(setup.Error(), "it needs more than the memory limit of 4K") {
			t.Error(err)
		}
	} else if r := cmd.Report(); err == nil || r.InForce[0].By != "rlimit of each process" {
		t.Errorf("%v: %+v", err, r)
	}
}

// The longest time that a program can compute is bounded however many
// processes it does it in, where a cgroup counts.
func TestCPUTimeOfAllProcesses(t *testing.T) {
	p := in(t.TempDir())
	p.Limits.CPUTime = 400 * time.Millisecond
	loop := "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done"
	cmd := Command(p, "sh", "-c", "while :; do ("+loop+"); done")
	p.Limits.Time = 20 * time.Second
	cmd.Policy = p
	err := cmd.Run()
	r := cmd.Report()
	if !strings.HasPrefix(r.InForce[0].By, "cgroup") {
		return // TestLimits has the other case
	}
	if r.Limit != "cpu-time" || r.CPU < 350*time.Millisecond || r.CPU > 2*time.Second {
		t.Errorf("%v: %+v", err, r)
	}
}

func TestReportIsWhatTheSchemaSays(t *testing.T) {
	schema := jsonschema.MustCompile("../share/report.schema.json")
	dir := t.TempDir()
	for _, c := range []struct {
		script string
		limits Limits
		want   map[string]any
	}{
		{script: "exit 0", want: map[string]any{"status": 0., "signal": nil, "limit": nil}},
		{script: "exit 7", limits: Limits{Memory: 1 << 30}, want: map[string]any{"status": 7., "signal": nil, "limit": nil}},
		{script: "kill -9 $$", want: map[string]any{"status": nil, "signal": 9., "limit": nil}},
		{script: "sleep 9", limits: Limits{Time: 50 * time.Millisecond, FileSize: 1 << 20},
			want: map[string]any{"status": nil, "signal": 9., "limit": "time"}},
		{script: "exit 1", limits: Limits{Memory: Unlimited, Pids: Unlimited, Time: time.Minute, TmpSize: 3 << 20, InotifyInstances: Unlimited, InotifyWatches: Unlimited}, want: map[string]any{"in_force": []any{
			map[string]any{"limit": "time", "value": "1m0s", "by": "clock", "default": false},
			map[string]any{"limit": "tmp-size", "value": "3M", "by": "tmpfs", "default": false},
		}}},
	} {
		p := in(dir)
		p.Limits = c.limits
		cmd := Command(p, "sh", "-c", c.script)
		cmd.Run()
		r := cmd.Report()
		var got map[string]any
		decoder := json.NewDecoder(bytes.NewReader(r.JSON()))
		if err := decoder.Decode(&got); err != nil {
			t.Fatalf("%v\n%s", err, r.JSON())
		}
		if err := schema.Validate(got); err != nil {
			t.Errorf("%v\n%s", err, r.JSON())
		}
		for name, want := range c.want {
			if diff := cmp.Diff(want, got[name]); diff != "" {
				t.Errorf("%s: %s\n%s", c.script, name, diff)
			}
		}
	}
}
