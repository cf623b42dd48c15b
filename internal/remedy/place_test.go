package remedy

import (
	"testing"

	"isolate-namespace/internal/place"
	"isolate-namespace/isolate"
)

// Everything that has to change is named at once, in the words of the place, and
// nothing else.
func TestRecipe(t *testing.T) {
	masks := []string{"/proc/keys", "/proc/sys"}
	byDocker := []string{"clone", "mount", "umount2", "open_tree", "mount_setattr"}
	cases := []struct {
		name    string
		place   place.Place
		refused []string
		want    string
	}{
		{"nothing", place.Place{Kind: place.Docker}, nil, ""},
		{"Docker's default", place.Place{Kind: place.Docker, Filtered: true, Profile: "docker-default", Masks: masks}, byDocker,
			"start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined"},
		{"Docker without AppArmor", place.Place{Kind: place.Docker, Filtered: true, Masks: masks}, byDocker,
			"start the container with --security-opt seccomp=unconfined --security-opt systempaths=unconfined"},
		{"Docker with CAP_SYS_ADMIN", place.Place{Kind: place.Docker, Filtered: true, Admin: true}, nil,
			"start the container with --security-opt seccomp=unconfined"},
		{"Docker with a filter that lets all pass", place.Place{Kind: place.Docker, Filtered: true, Profile: "docker-default"}, nil,
			"start the container with --security-opt apparmor=unconfined"},
		{"Podman's default", place.Place{Kind: place.Podman, Filtered: true, Masks: masks}, nil, "start the container with --security-opt unmask=ALL"},
		{"Podman's default as root, with AppArmor", place.Place{Kind: place.Podman, Filtered: true, Profile: "containers-default-0.50.1", Masks: masks}, nil,
			"start the container with --security-opt apparmor=unconfined --security-opt unmask=ALL"},
		{"DockerSpawner", place.Place{Kind: place.Docker, DockerSpawner: true, Filtered: true, Profile: "docker-default", Masks: masks}, byDocker,
			`set in jupyterhub_config.py c.DockerSpawner.extra_host_config = {"security_opt": ["seccomp=unconfined", "apparmor=unconfined"]}` +
				` and c.DockerSpawner.extra_create_kwargs = {"host_config": {"MaskedPaths": [], "ReadonlyPaths": []}}`},
		{"DockerSpawner, with a masked /proc only", place.Place{Kind: place.Docker, DockerSpawner: true, Masks: masks}, nil,
			`set in jupyterhub_config.py c.DockerSpawner.extra_create_kwargs = {"host_config": {"MaskedPaths": [], "ReadonlyPaths": []}}`},
		{"DockerSpawner with Podman", place.Place{Kind: place.Podman, DockerSpawner: true, Filtered: true, Masks: masks}, nil,
			`set in jupyterhub_config.py c.DockerSpawner.extra_host_config = {"security_opt": ["unmask=ALL"]}`},
		{"a pod", place.Place{Kind: place.Kubernetes, Filtered: true, Profile: "cri-containerd.apparmor.d", Masks: masks}, byDocker,
			"set hostUsers: false in the pod's spec, and in the container's securityContext: seccompProfile: {type: Unconfined}, appArmorProfile: {type: Unconfined}, procMount: Unmasked"},
		{"a pod without a filter", place.Place{Kind: place.Kubernetes, Profile: "cri-containerd.apparmor.d"}, nil,
			"set in the container's securityContext: appArmorProfile: {type: Unconfined}"},
		{"another container", place.Place{Kind: place.Container, Filtered: true}, byDocker,
			"start the container with what these options of Docker do: --security-opt seccomp=unconfined"},
		{"a unit", place.Place{Kind: place.Unit, Name: "a.service", Filtered: true, Masks: []string{"/proc/kallsyms", "/proc/kmsg", "/proc/sys"}}, []string{"clone", "openat2"},
			"in a.service set RestrictNamespaces=no, RestrictSUIDSGID=no, ProtectKernelTunables=no, ProtectKernelLogs=no"},
		{"a unit with a filter of calls", place.Place{Kind: place.Unit, Name: "a.service", Filtered: true}, []string{"mount", "umount2", "capset"},
			"in a.service add @mount capset to SystemCallFilter="},
		{"a unit of an older systemd with a filter of calls", place.Place{Kind: place.Unit, Filtered: true}, []string{"mount", "landlock_create_ruleset"},
			"in the unit add @mount landlock_create_ruleset landlock_add_rule landlock_restrict_self to SystemCallFilter="},
		{"a unit with a filter of unknown calls", place.Place{Kind: place.Unit, Filtered: true}, []string{"another"},
			"in the unit let all system calls pass in SystemCallFilter="},
		{"a unit with only processes in /proc", place.Place{Kind: place.Unit, Name: "a.service", OnlyProcesses: true}, nil, "in a.service set ProcSubset=all"},
		{"a unit with something else over /proc", place.Place{Kind: place.Unit, Name: "a.service", Masks: []string{"/proc/1"}}, nil, "in a.service mount nothing over /proc/1"},
		{"a unit with a profile", place.Place{Kind: place.Unit, Name: "a.service", Profile: "own"}, nil,
			"in a.service set no AppArmorProfile=, or allow userns and mount in own"},
		{"a snap", place.Place{Kind: place.Snap, Name: "code", Profile: "snap.code.code"}, nil, "run it from outside of the snap code"},
		{"elsewhere", place.Place{Kind: place.Machine, Filtered: true, Profile: "own", Masks: masks}, byDocker,
			"start it without the filter of system calls that it inherits, such as that of a sandbox, and allow userns and mount in the AppArmor profile own, and mount a whole /proc"},
	}
	for _, c := range cases {
		if got := Recipe(&isolate.Surroundings{Place: c.place, Refused: c.refused}); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}
}

// A masked /proc needn't be changed: another way out is named beside it.
func TestShareProcIsNamed(t *testing.T) {
	hidden := isolate.Surroundings{Place: place.Place{Kind: place.Podman, Masks: []string{"/proc/keys"}}}
	all := hidden
	all.Profile = "containers-default"
	spawned := all
	spawned.DockerSpawner = true
	for _, c := range []struct {
		command Command
		where   *isolate.Surroundings
		want    string
	}{
		{Isolate, nil, ""},
		{Isolate, &isolate.Surroundings{Place: place.Place{Kind: place.Podman, Profile: "x"}}, "start the container with --security-opt apparmor=unconfined"},
		{Isolate, &isolate.Surroundings{Place: place.Place{Kind: place.Docker, Filtered: true}, Refused: []string{"landlock_create_ruleset"}},
			"start the container with --security-opt seccomp=unconfined, or mount it as cow: or ro:"},
		{Isolate, &hidden, "start the container with --security-opt unmask=ALL, or --share-proc, which shows it other processes"},
		{Kernel, &hidden, "start the container with --security-opt unmask=ALL, or install the twin with --share-proc, which shows it other processes"},
		{Isolate, &all, "start the container with --security-opt apparmor=unconfined --security-opt unmask=ALL, or --share-proc in place of the last"},
		{Kernel, &spawned, `set in jupyterhub_config.py c.DockerSpawner.extra_host_config = {"security_opt": ["apparmor=unconfined", "unmask=ALL"]}` +
			", or install the twin with --share-proc in place of unmask=ALL"},
	} {
		if got := c.command.change(c.where); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.command, got, c.want)
		}
	}
}
