package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/place"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// kernel is about the running kernel, whose version is only to blame if there
// is no sandbox.
func kernel(sandbox error) Finding {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return Finding{"kernel", Unknown, "uname: " + err.Error(), remedy.NewerLinux}
	}

	release := unix.ByteSliceToString(name.Release[:])
	switch {
	case sandbox == nil:
	case strings.Contains(release, "gvisor"):
		return Finding{"kernel", Missing, "gVisor " + release + ", which lacks what a sandbox needs", remedy.WithoutGVisor}
	case !atLeast(release, 5, 12):
		return Finding{"kernel", Missing, "Linux " + release, remedy.NewerLinux}
	}
	return Finding{"kernel", Good, "Linux " + release, ""}
}

// atLeast reports whether a release of Linux, such as 6.1.0-18-amd64, has at least
// this version.
func atLeast(release string, major, minor int) bool {
	var a, b int
	fmt.Sscanf(release, "%d.%d", &a, &b)
	return a > major || a == major && b >= minor
}

func (m *machine) sandboxItself() Finding {
	switch {
	case m.sandbox != nil:
		return Finding{"sandbox", Missing, m.sandbox.Error(), remedy.Kernelspec.For(m.sandbox)}
	case m.ownProc != nil:
		return Finding{"sandbox", Weaker, "can be made with --share-proc only: " + m.ownProc.Error(), remedy.Kernelspec.For(m.ownProc)}
	}
	return Finding{"sandbox", Good, "user, mount, pid, network, ipc and uts namespaces", ""}
}

// appArmor is about the two ways in which AppArmor withholds namespaces: a
// setting, for programs without a profile, and the profile of this process.
func appArmor(sandbox error) Finding {
	setting, _ := os.ReadFile("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
	return judgeAppArmor(strings.TrimSpace(string(setting)) == "1", place.Here().Profile, sandbox)
}

func judgeAppArmor(restricts bool, profile string, sandbox error) Finding {
	const name = "AppArmor"
	switch {
	case profile != "" && sandbox != nil:
		return Finding{name, Weaker, "confines this process by the profile " + profile + ", which may withhold namespaces or mounts", remedy.PrintRecipe}
	case profile != "":
		return Finding{name, Good, "confines this process by the profile " + profile + ", which lets sandboxes be made", ""}
	case restricts && sandbox != nil:
		return Finding{name, Weaker, "restricts user namespaces of programs without a profile", remedy.InstallProfile}
	case restricts:
		return Finding{name, Good, "restricts user namespaces, but not those of these commands", ""}
	}
	return Finding{name, Good, "does not restrict user namespaces", ""}
}

// landlock is about Landlock, whose remedies are for a kernel that can make sandboxes.
func landlock(kernel Finding) Finding {
	if kernel.Health == Missing {
		return notLookedAt("Landlock")
	}
	reported, usable := isolate.Landlock()
	return judgeLandlock(reported, usable)
}

// judgeLandlock is about the version that the kernel reports, and the one of which
// it does what it means.
func judgeLandlock(reported, usable int) Finding {
	const name = "Landlock"
	switch {
	case usable == 0:
		return Finding{name, Weaker, "there is none", remedy.BootLandlock}
	case usable < reported:
		return Finding{name, Weaker, fmt.Sprintf("version %d, without scopes, although the kernel reports %d", usable, reported), remedy.LandlockScopes}
	case usable < 6:
		return Finding{name, Weaker, fmt.Sprintf("version %d, without scopes", usable), remedy.LandlockScopes}
	}
	return Finding{name, Good, fmt.Sprintf("version %d", usable), ""}
}

// seccomp is about filters, which every sandbox has.
func seccomp(sandbox error) Finding {
	_, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	if sandbox != nil && errors.Is(err, unix.EINVAL) { // prctl(2)
		return Finding{"seccomp", Missing, "no filters of system calls", remedy.SeccompFilter}
	}
	return Finding{"seccomp", Good, "system calls can be filtered", ""}
}

// coreDumps is about where the machine has core dumps go.
func coreDumps() Finding {
	pattern, _ := os.ReadFile("/proc/sys/kernel/core_pattern")
	return judgeCorePattern(strings.TrimSpace(string(pattern)))
}

// judgeCorePattern says whether the limit of a sandbox keeps dumps from being
// made. It does for a file and for a program that takes them (core(5)).
func judgeCorePattern(pattern string) Finding {
	const name = "core dumps"
	if socket, ok := strings.CutPrefix(pattern, "@"); ok {
		detail := "go to the socket " + strings.TrimLeft(socket, "@") + " whatever the limit, though without memory unless the program asks for it"
		return Finding{name, Weaker, detail, remedy.DumpToFile}
	}
	return Finding{name, Good, "are not made", ""}
}

// limits is about what enforces limits: a control group, or less.
func (m *machine) limits() Finding {
	if m.sandbox != nil {
		return notLookedAt("limits")
	}
	limited := m.policy
	limited.Limits = isolate.Limits{Memory: 1 << 30, Pids: 100}
	report, err := run(limited, "/bin/true")
	if err != nil {
		return Finding{"limits", Weaker, err.Error(), remedy.Kernelspec.For(err)}
	}

	var by []string
	found := Finding{"limits", Good, "", ""}
	for _, l := range report.InForce {
		if l.Default {
			continue
		}
		by = append(by, l.Limit+" by "+l.By)
		if !strings.HasPrefix(l.By, "cgroup") {
			found.Health, found.Remedy = Weaker, remedy.Kernelspec.Group()
		}
	}
	found.Detail = strings.Join(by, ", ")
	return found
}

// copyOnWrite is about mounts with cow:, tried on a directory of our own: the
// files of others can't be removed, whatever the copy can do.
func (m *machine) copyOnWrite() Finding {
	const name = "cow:"
	if m.sandbox != nil {
		return notLookedAt(name)
	}
	dir, err := os.MkdirTemp("", "isolate-doctor-")
	if err != nil {
		return Finding{name, Unknown, "not looked at: " + err.Error(), remedy.MakeRoom()}
	}
	defer os.RemoveAll(dir)
	if err := os.MkdirAll(filepath.Join(dir, "whole/inner"), 0o700); err != nil {
		return Finding{name, Unknown, "not looked at: " + err.Error(), ""}
	}

	cow := m.policy
	cow.Mounts = []isolate.Mount{isolate.CopyOnWrite(dir)}
	if err := try(cow); err != nil {
		return Finding{name, Weaker, err.Error(), cmp.Or(remedy.Kernelspec.For(err), remedy.UseOverlay)}
	}

	// The copy remembers what became of a directory in attributes that a memory
	// file system takes since Linux 6.6.
	const remove = `rm -r "$1/whole" && mkdir "$1/whole" && test ! -e "$1/whole/inner"`
	if _, err := run(cow, "/bin/sh", "-c", remove, "sh", dir); err != nil {
		return Finding{name, Weaker, "works, but for the removal of directories", remedy.OverlayInMemory}
	}
	return Finding{name, Good, "overlayfs works in a sandbox", ""}
}
