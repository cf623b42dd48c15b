package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"isolate-namespace/isolate/internal/kernelfile"
)

// roleVariable has the test binary say what it is asked in place of testing.
const roleVariable = "TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "memory" {
		fmt.Println(MemoryAbove())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestMemoryLimits(t *testing.T) {
	cases := []struct {
		name, groups string
		want         []string
	}{
		{"version 2", "0::/user.slice/a.scope\n", []string{"/sys/fs/cgroup/user.slice/a.scope/memory.max", "/sys/fs/cgroup/user.slice/memory.max", "/sys/fs/cgroup/memory.max"}},
		{"version 1, and 2 without it", "4:cpu,memory:/a\n1:name=systemd:/s\n0::/b\n", []string{"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}},
		{"the root", "0::/\n", []string{"/sys/fs/cgroup/memory.max"}},
		{"outside of the namespace", "0::/../b\n", []string{"/sys/fs/cgroup/memory.max"}},
		{"none", "3:cpu:/a\n", nil},
		{"nothing", "", nil},
		{"nonsense", "0::\n", []string{"/sys/fs/cgroup/memory.max"}},
	}
	for _, c := range cases {
		if diff := cmp.Diff(c.want, memoryLimits(c.groups)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// The memory is that of the control group above, where it is less than the
// machine's.
func TestMemoryOfTheGroupAbove(t *testing.T) {
	const limit = 700 << 20
	own, file := ownGroup("memory", "cgroup"), "memory.limit_in_bytes"
	if own == "" {
		own, file = ownGroup("", "cgroup2"), "memory.max"
	}
	above := filepath.Join(own, fmt.Sprint("above-", os.Getpid()))
	in := filepath.Join(above, "in")
	if own == "" || os.MkdirAll(in, 0o755) != nil || kernelfile.Write(filepath.Join(above, file), strconv.Itoa(limit)) != nil {
		os.Remove(in)
		os.Remove(above)
		return // no such group can be made here
	}
	defer os.Remove(above)
	defer os.Remove(in)

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		group string
		want  int64
	}{{in, limit}, {own, MemoryAbove()}} {
		inGroup := exec.Command("sh", "-c", "echo $$ > "+c.group+"/cgroup.procs && exec "+self)
		inGroup.Env = append(os.Environ(), roleVariable+"=memory")
		out, err := inGroup.CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != fmt.Sprint(c.want) {
			t.Errorf("in %s: %s (%v), want %d", c.group, out, err, c.want)
		}
	}
}

func TestCallersDeathLeavesNoGroup(t *testing.T) {
	own := ownGroup("memory", "cgroup")
	if own == "" {
		own = ownGroup("", "cgroup2")
	}
	dead := filepath.Join(own, groupPrefix+"4194304-1") // above the largest number of a process
	if own == "" || os.Mkdir(dead, 0o755) != nil {
		return // no cgroup can be made here at all
	}
	g := New(Want{Memory: 1 << 30, CPUTime: true})
	if len(g.Dirs()) == 0 {
		t.Error("no group was made")
	}
	g.Remove()
	if _, err := os.Stat(dead); err == nil {
		os.Remove(dead)
		t.Error("the group of a dead caller is still there")
	}
}

// A caller in another PID namespace that has the same control group is seen, though its
// process isn't, and may have the same process ID.
func TestCallerInAnotherPIDNamespaceKeepsItsGroup(t *testing.T) {
	own := t.TempDir()
	var theirs, ours Group
	defer theirs.Remove()
	defer ours.Remove()
	dir := theirs.makeIn(own)
	unseen := filepath.Join(own, groupPrefix+"4194304-1")
	if err := os.Rename(dir, unseen); err != nil {
		t.Fatal(err)
	}
	sweep(own)
	if _, err := os.Stat(unseen); err != nil {
		t.Errorf("the empty group is gone: %v", err)
	}

	next := groupCount.Load() + 1
	same := filepath.Join(own, fmt.Sprint(groupPrefix, os.Getpid(), "-", next))
	if err := os.Mkdir(same, 0o755); err != nil {
		t.Fatal(err)
	}
	if dir := ours.makeIn(own); dir == "" || dir == same {
		t.Errorf("another one with the same ID has got %q", dir)
	}
}
