package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestJudgeAppArmor(t *testing.T) {
	none := errors.New("make namespaces: permission denied")
	cases := []struct {
		name      string
		restricts bool
		profile   string
		sandbox   error
		want      Health
		remedy    string
	}{
		{"not at all", false, "", nil, Good, ""},
		{"not at all, and no sandbox", false, "", none, Good, ""},
		{"the setting", true, "", none, Weaker, "doctor --apparmor"},
		{"the setting, with our profile loaded", true, "", nil, Good, ""},
		{"a container's profile", false, "docker-default", none, Weaker, "doctor --container"},
		{"the setting and a container's profile", true, "docker-default", none, Weaker, "doctor --container"},
		{"a profile that allows sandboxes", true, "isolate", nil, Good, ""},
	}
	for _, c := range cases {
		f := judgeAppArmor(c.restricts, c.profile, c.sandbox)
		if f.Health != c.want || !strings.Contains(f.Remedy, c.remedy) || (c.remedy == "") != (f.Remedy == "") {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
}

func TestJudgeLandlock(t *testing.T) {
	for versions, want := range map[[2]int]string{
		{0, 0}: "there is none", {5, 5}: "version 5, without scopes", {6, 5}: "version 5, without scopes, although the kernel reports 6", {7, 7}: "version 7",
	} {
		f := judgeLandlock(versions[0], versions[1])
		if f.Detail != want || (f.Health == Good) != (versions[1] >= 6) || (f.Health == Good) != (f.Remedy == "") {
			t.Errorf("%v: %+v", versions, f)
		}
	}
}

// A kernel that can't make sandboxes is replaced, not booted with Landlock.
func TestLandlockFollowsFromTheKernel(t *testing.T) {
	if f := landlock(Finding{Name: "kernel", Health: Missing}); f.Health != Unknown || f.Remedy != "" {
		t.Errorf("%+v", f)
	}
	if f := landlock(Finding{Name: "kernel", Health: Good}); f.Health == Unknown {
		t.Errorf("%+v", f)
	}
}

func TestJudgeCorePattern(t *testing.T) {
	for pattern, want := range map[string]Health{
		"core": Good, "/var/core/%e.%p": Good, "|/usr/lib/systemd/systemd-coredump %P": Good, "": Good,
		"@/run/coredump.socket": Weaker, "@@/run/coredump.socket": Weaker,
	} {
		f := judgeCorePattern(pattern)
		if f.Health != want || (want == Good) != (f.Remedy == "") || want == Weaker && !strings.Contains(f.Detail, " /run/coredump.socket ") {
			t.Errorf("%q: %+v", pattern, f)
		}
	}
}

func TestAtLeast(t *testing.T) {
	for release, want := range map[string]bool{
		"5.12.0": true, "5.11.22": false, "6.1.0-18-amd64": true, "4.19.0-gvisor": false, "5.12": true, "10.0": true, "": false, "what": false,
	} {
		if got := atLeast(release, 5, 12); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}

// Without a sandbox no row is good or has a remedy that only a sandbox could
// vouch for.
func TestRowsThatFollowFromAnother(t *testing.T) {
	none := &machine{sandbox: errors.New("no sandbox")}
	for _, f := range []Finding{none.limits(), none.copyOnWrite()} {
		if f.Health != Unknown || f.Remedy != "" || !strings.Contains(f.Detail, "no sandbox") {
			t.Errorf("%+v", f)
		}
	}
}

// Directories can be removed in a copy on any kernel that has the attributes
// for it, whoever asks; and nothing is left of the attempt.
func TestCopyOnWrite(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	want := Weaker
	if atLeast(unix.ByteSliceToString(name.Release[:]), 6, 6) {
		want = Good
	}
	if f := new(machine).copyOnWrite(); f.Health != want {
		t.Errorf("%+v, want %s", f, want)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); left != nil {
		t.Errorf("left behind: %v", left)
	}

	t.Setenv("TMPDIR", "/no/such/directory")
	if f := new(machine).copyOnWrite(); f.Health != Unknown || f.Remedy == "" {
		t.Errorf("without a directory: %+v", f)
	}
}

func TestReport(t *testing.T) {
	missing, good, unknown := Finding{Health: Missing}, Finding{Health: Good}, Finding{Health: Unknown}
	cases := []struct {
		report          Report
		isolates, start bool
	}{
		{Report{[]Finding{good, unknown}, []Finding{good, {Health: Weaker}}}, true, true},
		{Report{[]Finding{good}, []Finding{good, missing}}, true, false},
		{Report{[]Finding{missing, good}, []Finding{good}}, false, false},
	}
	for _, c := range cases {
		if c.report.CanIsolate() != c.isolates || c.report.AllStart() != c.start {
			t.Errorf("%+v: %v, %v", c.report, c.report.CanIsolate(), c.report.AllStart())
		}
	}
}
