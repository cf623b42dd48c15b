package remedy

import (
	"slices"
	"strings"

	"isolate-namespace/internal/place"
	"isolate-namespace/isolate"
)

// Recipe says all that has to change in a place for sandboxes to be made there, in
// its own words, or "" if nothing is known to withhold them.
func Recipe(s *isolate.Surroundings) string {
	n := needs(s)
	if n == (need{}) {
		return ""
	}
	if s.DockerSpawner {
		return "set in jupyterhub_config.py " + strings.Join(n.settings(s.Kind), " and ")
	}
	switch s.Kind {
	case place.Docker:
		return "start the container with " + n.options("systempaths=unconfined")
	case place.Podman:
		return "start the container with " + n.options("unmask=ALL")
	case place.Kubernetes:
		return n.fields()
	case place.Unit:
		return unitChanges(s, n)
	case place.Snap:
		return "run it from outside of the snap " + s.Name
	case place.Container:
		return "start the container with what these options of Docker do: " + n.options("systempaths=unconfined")
	}
	return n.elsewhere(s)
}

// A need is what a place withholds.
type need struct {
	filter, profile, proc bool
}

func needs(s *isolate.Surroundings) need {
	// Neither Docker's filter nor containerd's lets pivot_root(2) pass, whatever
	// the capabilities. Without CAP_SYS_ADMIN they refuse more, which was tried.
	noPivot := s.Filtered && s.Admin && (s.Kind == place.Docker || s.Kind == place.Kubernetes)
	return need{
		filter:  len(s.Refused) > 0 || noPivot,
		profile: s.Profile != "",
		proc:    len(s.Masks) > 0 || s.OnlyProcesses,
	}
}

// options returns the options of docker run or podman run; unmask is the one that
// hides nothing in /proc.
func (n need) options(unmask string) string {
	all := n.securityOptions(unmask)
	for i, option := range all {
		all[i] = "--security-opt " + option
	}
	return strings.Join(all, " ")
}

func (n need) securityOptions(unmask string) []string {
	var all []string
	add := func(needed bool, option string) {
		if needed {
			all = append(all, option)
		}
	}
	add(n.filter, "seccomp=unconfined")
	add(n.profile, "apparmor=unconfined")
	add(n.proc, unmask)
	return all
}

// settings returns what is to be set for DockerSpawner, which speaks to the engine.
// Docker's refuses systempaths=unconfined, of which the command docker makes the
// empty lists. Podman's ignores these and takes its own option.
func (n need) settings(kind place.Kind) []string {
	lists := n.proc && kind == place.Docker
	n.proc = n.proc && kind == place.Podman
	var all []string
	if options := n.securityOptions("unmask=ALL"); options != nil {
		all = append(all, `c.DockerSpawner.extra_host_config = {"security_opt": ["`+strings.Join(options, `", "`)+`"]}`)
	}
	if lists {
		all = append(all, `c.DockerSpawner.extra_create_kwargs = {"host_config": {"MaskedPaths": [], "ReadonlyPaths": []}}`)
	}
	return all
}

// fields returns what is to be set in a pod.
func (n need) fields() string {
	var all []string
	if n.filter {
		all = append(all, "seccompProfile: {type: Unconfined}")
	}
	if n.profile {
		all = append(all, "appArmorProfile: {type: Unconfined}")
	}
	if !n.proc {
		return "set in the container's securityContext: " + strings.Join(all, ", ")
	}
	// The API server refuses procMount without a user namespace.
	all = append(all, "procMount: Unmasked")
	return "set hostUsers: false in the pod's spec, and in the container's securityContext: " + strings.Join(all, ", ")
}

// unitSettings returns the properties of a unit of systemd's that are to be set, the
// system calls that SystemCallFilter= is to let pass, and the paths in /proc over which
// something else is mounted.
func unitSettings(s *isolate.Surroundings) (set, pass, others []string) {
	add := func(property string) {
		if !slices.Contains(set, property) {
			set = append(set, property)
		}
	}
	for _, call := range s.Refused {
		switch call {
		case "clone":
			add("RestrictNamespaces=no")
		case "openat2":
			add("RestrictSUIDSGID=no")
		case "mount", "umount2", "open_tree", "mount_setattr", "pivot_root":
			if !slices.Contains(pass, "@mount") {
				pass = append(pass, "@mount")
			}
		case "landlock_create_ruleset":
			pass = append(pass, call, "landlock_add_rule", "landlock_restrict_self")
		default:
			pass = append(pass, call)
		}
	}
	for _, path := range s.Masks {
		if property := maskedBy(path); property == "" {
			others = append(others, path)
		} else {
			add(property + "=no")
		}
	}
	if s.OnlyProcesses {
		add("ProcSubset=all")
	}
	return set, pass, others
}

// unitChanges returns what is to be set in a unit of systemd's.
func unitChanges(s *isolate.Surroundings, n need) string {
	set, pass, others := unitSettings(s)
	var changes []string
	if set != nil {
		changes = append(changes, "set "+strings.Join(set, ", "))
	}
	switch {
	case slices.Contains(pass, "another"):
		changes = append(changes, "let all system calls pass in SystemCallFilter=")
	case pass != nil:
		changes = append(changes, "add "+strings.Join(pass, " ")+" to SystemCallFilter=")
	}
	if others != nil {
		changes = append(changes, "mount nothing over "+strings.Join(others, ", "))
	}
	if n.profile {
		changes = append(changes, "set no AppArmorProfile=, or allow userns and mount in "+s.Profile)
	}
	unit := "the unit"
	if s.Name != "" {
		unit = s.Name
	}
	return "in " + unit + " " + strings.Join(changes, ", and ")
}

// maskedBy returns the property of a unit that hides a path in /proc or makes it
// read-only (systemd.exec(5)), or "".
func maskedBy(path string) string {
	switch path {
	case "/proc/kmsg":
		return "ProtectKernelLogs"
	case "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname":
		return "ProtectHostname"
	case "/proc/acpi", "/proc/apm", "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/kallsyms", "/proc/kcore",
		"/proc/latency_stats", "/proc/mtrr", "/proc/scsi", "/proc/sys", "/proc/sysrq-trigger", "/proc/timer_stats":
		return "ProtectKernelTunables"
	}
	return ""
}

// elsewhere returns what to do where it isn't known who withholds something.
func (n need) elsewhere(s *isolate.Surroundings) string {
	var all []string
	if n.filter {
		all = append(all, "start it without the filter of system calls that it inherits, such as that of a sandbox")
	}
	if n.profile {
		all = append(all, "allow userns and mount in the AppArmor profile "+s.Profile)
	}
	if n.proc {
		all = append(all, "mount a whole /proc")
	}
	return strings.Join(all, ", and ")
}

// change is Recipe for an error, with the other way to do without a /proc of the
// sandbox's own.
func (c Command) change(s *isolate.Surroundings) string {
	if s == nil {
		return ""
	}
	recipe := Recipe(s)
	if slices.Equal(s.Refused, []string{"landlock_create_ruleset"}) {
		recipe += ", or mount it as cow: or ro:"
	}
	n := needs(s)
	if !n.proc {
		return recipe
	}
	option := "--share-proc"
	if c != Isolate {
		option = "install the twin with --share-proc"
	}
	if n.filter || n.profile {
		return recipe + ", or " + option + " in place of " + ofProc(s)
	}
	return recipe + ", or " + option + ", which shows it other processes"
}

// ofProc names what of a recipe is there for /proc, which comes last.
func ofProc(s *isolate.Surroundings) string {
	switch {
	case s.Kind == place.Kubernetes:
		return "hostUsers and procMount"
	case s.Kind == place.Unit:
		return "what begins with Proc"
	case s.Kind == place.Podman && s.DockerSpawner:
		return "unmask=ALL"
	}
	return "the last"
}
