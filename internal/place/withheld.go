package place

import (
	"os"
	"slices"
	"strconv"
	"strings"
)

// appArmorProfile returns the profile that confines this process, or "".
func appArmorProfile() string {
	label, err := os.ReadFile("/proc/self/attr/apparmor/current")
	if err != nil { // Linux before 5.8
		label, _ = os.ReadFile("/proc/self/attr/current")
	}
	return ProfileOf(string(label))
}

// ProfileOf returns the profile of an AppArmor label such as
// "docker-default (enforce)", or "" for none that forbids anything, and for a
// label of another security module.
func ProfileOf(label string) string {
	profile, mode, _ := strings.Cut(strings.Trim(label, " \n\x00"), " ")
	switch mode {
	case "(enforce)", "(kill)", "(prompt)", "(mixed)":
		return profile
	}
	return ""
}

// procMounts returns the paths in /proc that something lies over, from the table of
// mounts (proc_pid_mountinfo(5)), and whether /proc has only processes.
func procMounts(mountinfo string) (masks []string, onlyProcesses bool) {
	// What goes with hidden parts of a whole /proc. ProtectKernelTunables= makes
	// /sys read-only in systemd 252, and some of it in 257.
	var alike []string
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		if len(fields) < 7 {
			continue
		}
		point, options, super := fields[4], strings.Split(fields[5], ","), strings.Split(fields[len(fields)-1], ",")
		switch {
		case point == "/proc":
			// What was mounted before lies below this, and can't be seen.
			masks, onlyProcesses = nil, slices.Contains(super, "subset=pid")
			if slices.Contains(options, "ro") {
				masks = append(masks, point)
			}
		case strings.HasPrefix(point, "/proc/") && !isEmptyDir(point):
			masks = append(masks, point)
		case (point == "/sys" || point == "/sys/kernel/tracing") && slices.Contains(options, "ro"):
			alike = append(alike, "/proc/sys")
		case point == "/dev/kmsg":
			alike = append(alike, "/proc/kmsg")
		}
	}
	if onlyProcesses {
		// A unit's ProtectKernelTunables= and ProtectKernelLogs= find nothing to
		// hide in this /proc, but would in a whole one.
		masks = append(masks, alike...)
	}
	slices.Sort(masks)
	return slices.Compact(masks), onlyProcesses
}

// isEmptyDir reports whether a path in /proc is one of those that exist to be
// mounted on. Mounts there hide nothing.
func isEmptyDir(path string) bool {
	return path == "/proc/sys/fs/binfmt_misc" || path == "/proc/fs/nfsd"
}

// hasCapability reports whether a set as /proc/self/status has it holds a
// capability.
func hasCapability(set string, capability int) bool {
	bits, err := strconv.ParseUint(set, 16, 64)
	return err == nil && bits>>capability&1 == 1
}
