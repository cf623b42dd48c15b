package remedy

import (
	"fmt"
	"slices"
	"strings"

	"isolate-namespace/internal/place"
	"isolate-namespace/isolate"
)

// ForContainer returns everything that a place has to allow for kernels to be isolated,
// whatever it allows already, as lines to copy. Other lines begin with #. For a machine
// it is what containers there need.
func ForContainer(s *isolate.Surroundings) string {
	if s.GVisor {
		return "# gVisor lacks what a sandbox needs: " + WithoutGVisor + ".\n"
	}
	if s.DockerSpawner {
		return "# In jupyterhub_config.py, for DockerSpawner, all of this:\n" + dockerSpawner(s)
	}
	switch s.Kind {
	case place.Docker:
		return "# A Docker container needs all of this:\n" + docker()
	case place.Podman:
		return "# A Podman container needs all of this:\n" + podman(s.Profile != "")
	case place.Kubernetes:
		return "# A pod needs all of this:\n" + kubernetes()
	case place.Unit:
		return dropIn(s)
	}
	if recipe := Recipe(s); recipe != "" {
		return "# " + strings.ToUpper(recipe[:1]) + recipe[1:] + ".\n"
	}
	return "# Nothing is known to withhold anything here. In containers:\n\n# Docker\n" + docker() +
		"\n# Podman; as root on a machine with AppArmor\n" + podman(true) + "\n# Podman, otherwise\n" + podman(false) +
		"\n# Kubernetes\n" + kubernetes()
}

// otherProc says what follows.
const otherProc = "\n# Or, with twins that are installed with --share-proc, which see its other processes:\n"

func docker() string {
	n := need{filter: true, profile: true}
	return fmt.Sprintf("docker run %s IMAGE\n%sdocker run %s IMAGE\n",
		need{true, true, true}.options("systempaths=unconfined"), otherProc, n.options(""))
}

// podman is docker for Podman, whose filter lets all that is needed pass.
func podman(profile bool) string {
	n := need{profile: profile}
	options := n.options("")
	if options != "" {
		options += " "
	}
	return fmt.Sprintf("podman run %s IMAGE\n%spodman run %sIMAGE\n", need{false, profile, true}.options("unmask=ALL"), otherProc, options)
}

func dockerSpawner(s *isolate.Surroundings) string {
	n := need{filter: s.Kind == place.Docker, profile: s.Kind == place.Docker || s.Profile != ""}
	without := n.settings(s.Kind)
	if without == nil {
		without = []string{"# nothing"}
	}
	n.proc = true
	return strings.Join(n.settings(s.Kind), "\n") + "\n" + otherProc + strings.Join(without, "\n") + "\n"
}

func kubernetes() string {
	const context = "  containers:\n  - securityContext:\n      seccompProfile: {type: Unconfined}\n      appArmorProfile: {type: Unconfined}\n"
	return "spec:\n  hostUsers: false\n" + context + "      procMount: Unmasked\n" + otherProc + "spec:\n" + context
}

// dropIn returns what to add to a unit of systemd's.
func dropIn(s *isolate.Surroundings) string {
	set, pass, others := unitSettings(s)
	switch {
	case slices.Contains(pass, "another"):
		set = append(set, "SystemCallFilter=")
	case pass != nil:
		set = append(set, "SystemCallFilter="+strings.Join(pass, " "))
	}
	if s.Profile != "" {
		set = append(set, "AppArmorProfile=")
	}
	unit := s.Name
	if unit == "" {
		unit = "UNIT"
	}
	if set == nil && others == nil {
		return "# Nothing is known to withhold anything in " + unit + ".\n"
	}

	text := "# sudo systemctl edit " + unit + ", with these lines:\n[Service]\n" + strings.Join(set, "\n") + "\n"
	if others != nil {
		text += "# and nothing mounted over " + strings.Join(others, ", ") + "\n"
	}
	return text
}
