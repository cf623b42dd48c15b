// Package doctor says what a machine can do for isolated kernels.
package doctor

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate"
	"isolate-namespace/kernelspec"
)

// A Health says how good one thing is for isolating kernels.
type Health string

// A weaker thing leaves kernels isolated with less, or less convenient; with a
// missing one there are none.
const (
	Good    Health = "ok"
	Weaker  Health = "weaker"
	Missing Health = "missing"
)

// A Finding is one thing that Examine looked at.
type Finding struct {
	Name   string `json:"name"`
	Health Health `json:"health"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"` // empty where nothing is amiss
}

// Examine says what this machine can do for isolated kernels. Kernels can be
// isolated where nothing is missing. What a sandbox needs is found out by
// making one.
func Examine(launcher string, launcherErr error) []Finding {
	return append([]Finding{
		examineKernel(), examineSandbox(), examineAppArmor(), examineLandlock(), examineSeccomp(),
		examineCgroups(), examineOverlay(), examineLauncher(launcher, launcherErr),
	}, examineJupyter(launcher)...)
}

func examineKernel() Finding {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return Finding{"kernel", Missing, err.Error(), "use Linux 5.12 or later"}
	}
	release := unix.ByteSliceToString(name.Release[:])
	var major, minor int
	fmt.Sscanf(release, "%d.%d", &major, &minor)
	if major < 5 || major == 5 && minor < 12 {
		return Finding{"kernel", Missing, "Linux " + release, "use Linux 5.12 or later"}
	}
	return Finding{"kernel", Good, "Linux " + release, ""}
}

// try runs a program that does nothing in a sandbox.
func try(p isolate.Policy) (isolate.Report, error) { return tryCommand(p, "/bin/true") }

func tryCommand(p isolate.Policy, name string, arg ...string) (isolate.Report, error) {
	p.Dir = "/"
	cmd := isolate.Command(p, name, arg...)
	err := cmd.Run()
	return cmd.Report(), err
}

func examineSandbox() Finding {
	if _, err := try(isolate.Policy{}); err != nil {
		return Finding{"sandbox", Missing, err.Error(), isolate.Hint(err)}
	}
	return Finding{"sandbox", Good, "user, mount, pid, network, ipc and uts namespaces", ""}
}

func examineAppArmor() Finding {
	value, err := os.ReadFile("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
	if err != nil || strings.TrimSpace(string(value)) != "1" {
		return Finding{"AppArmor", Good, "does not restrict user namespaces", ""}
	}
	return Finding{"AppArmor", Weaker, "restricts user namespaces of programs without a profile",
		"isolate-kernelspec doctor --apparmor | sudo tee /etc/apparmor.d/isolate && sudo apparmor_parser -r /etc/apparmor.d/isolate"}
}

func examineLandlock() Finding {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return Finding{"Landlock", Weaker, errno.Error(), "boot with lsm=landlock,... (Linux 5.13 or later), or show directories with cow: or ro:"}
	}
	if version < 6 {
		return Finding{"Landlock", Weaker, fmt.Sprintf("version %d, without scopes", version), "use Linux 6.12 or later"}
	}
	return Finding{"Landlock", Good, fmt.Sprintf("version %d", version), ""}
}

func examineSeccomp() Finding {
	actions, err := os.ReadFile("/proc/sys/kernel/seccomp/actions_avail")
	if err != nil || !bytes.Contains(actions, []byte("errno")) {
		return Finding{"seccomp", Missing, "no filters of system calls", "use a kernel with CONFIG_SECCOMP_FILTER"}
	}
	return Finding{"seccomp", Good, "system calls can be filtered", ""}
}

func examineCgroups() Finding {
	report, err := try(isolate.Policy{Limits: isolate.Limits{Memory: 1 << 30, Pids: 100}})
	const remedy = "start Jupyter in a session of systemd's that delegates: systemd-run --user --scope -p Delegate=yes jupyter lab"
	if err != nil {
		return Finding{"limits", Weaker, err.Error(), remedy}
	}
	var by []string
	health := Good
	for _, l := range report.InForce {
		by = append(by, l.Limit+" by "+l.By)
		if !strings.HasPrefix(l.By, "cgroup") {
			health = Weaker
		}
	}
	if health == Good {
		return Finding{"limits", Good, strings.Join(by, ", "), ""}
	}
	return Finding{"limits", Weaker, strings.Join(by, ", "), remedy}
}

func examineOverlay() Finding {
	cow := isolate.Policy{Mounts: []isolate.Mount{{Source: "/usr/share", Access: isolate.CopyOnWrite}}}
	if _, err := try(cow); err != nil {
		return Finding{"cow:", Weaker, err.Error(), "use Linux 5.11 or later with overlayfs, or ro: in place of cow:"}
	}
	// The copy remembers what became of a directory in attributes that a memory
	// file system takes since Linux 6.6.
	if _, err := tryCommand(cow, "/bin/sh", "-c", `for dir in /usr/share/*/; do exec rm -r "$dir" 2>/dev/null; done`); err != nil {
		return Finding{"cow:", Weaker, "works, but for the removal of directories", "use Linux 6.6 or later, or isolate --cow-dir"}
	}
	return Finding{"cow:", Good, "overlayfs works in a sandbox", ""}
}

func examineLauncher(launcher string, err error) Finding {
	if err != nil {
		return Finding{"launcher", Missing, err.Error(), kernelspec.Remedy(err)}
	}
	return Finding{"launcher", Good, launcher, ""}
}

// examineJupyter looks for Jupyter and for each isolated kernel.
func examineJupyter(launcher string) []Finding {
	j, err := kernelspec.FindJupyter()
	if err != nil {
		return []Finding{{"Jupyter", Weaker, err.Error(), kernelspec.Remedy(err)}}
	}
	found := []Finding{{"Jupyter", Good, j.Executable + ", kernels found: " + strconv.Itoa(j.Count()), ""}}
	if j.Executable == "" {
		found[0] = Finding{"Jupyter", Weaker, "no command jupyter in PATH", "activate the environment that Jupyter is installed in"}
	}
	for _, twin := range j.Twins() {
		f := Finding{twin.Name, Good, string(twin.State), ""}
		if twin.State != kernelspec.OK {
			f.Health, f.Remedy = Weaker, j.Remedy(twin)
		}
		if twin.State == kernelspec.MountMissing {
			f.Detail += ": " + strings.Join(twin.Missing, ", ")
		}
		if own := twin.Launcher(); twin.State == kernelspec.OK && launcher != "" && !sameFile(own, launcher) {
			f.Health, f.Detail, f.Remedy = Weaker, "starts another version of the launcher, "+own, "isolate-kernelspec update "+twin.Name
		}
		found = append(found, f)
	}
	return found
}

// sameFile says that two files hold the same, wherever they are.
func sameFile(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := os.ReadFile(a)
	y, errY := os.ReadFile(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
