package remedy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"isolate-namespace/internal/place"
	"isolate-namespace/isolate"
)

// The recipe of a place is whole, whatever it allows already.
func TestForContainer(t *testing.T) {
	cases := []struct {
		place   place.Place
		refused []string
		want    string
	}{
		{place.Place{Kind: place.Docker}, nil, `# A Docker container needs all of this:
docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined IMAGE

# Or, with twins that are installed with --share-proc, which see its other processes:
docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined IMAGE
`},
		{place.Place{Kind: place.Podman}, nil, `# A Podman container needs all of this:
podman run --security-opt unmask=ALL IMAGE

# Or, with twins that are installed with --share-proc, which see its other processes:
podman run IMAGE
`},
		{place.Place{Kind: place.Podman, Profile: "containers-default-0.62.2"}, nil, `# A Podman container needs all of this:
podman run --security-opt apparmor=unconfined --security-opt unmask=ALL IMAGE

# Or, with twins that are installed with --share-proc, which see its other processes:
podman run --security-opt apparmor=unconfined IMAGE
`},
		{place.Place{Kind: place.Docker, DockerSpawner: true}, nil, `# In jupyterhub_config.py, for DockerSpawner, all of this:
c.DockerSpawner.extra_host_config = {"security_opt": ["seccomp=unconfined", "apparmor=unconfined"]}
c.DockerSpawner.extra_create_kwargs = {"host_config": {"MaskedPaths": [], "ReadonlyPaths": []}}

# Or, with twins that are installed with --share-proc, which see its other processes:
c.DockerSpawner.extra_host_config = {"security_opt": ["seccomp=unconfined", "apparmor=unconfined"]}
`},
		{place.Place{Kind: place.Podman, DockerSpawner: true}, nil, `# In jupyterhub_config.py, for DockerSpawner, all of this:
c.DockerSpawner.extra_host_config = {"security_opt": ["unmask=ALL"]}

# Or, with twins that are installed with --share-proc, which see its other processes:
# nothing
`},
		{place.Place{Kind: place.Kubernetes}, nil, `# A pod needs all of this:
spec:
  hostUsers: false
  containers:
  - securityContext:
      seccompProfile: {type: Unconfined}
      appArmorProfile: {type: Unconfined}
      procMount: Unmasked

# Or, with twins that are installed with --share-proc, which see its other processes:
spec:
  containers:
  - securityContext:
      seccompProfile: {type: Unconfined}
      appArmorProfile: {type: Unconfined}
`},
		{place.Place{Kind: place.Unit, Name: "hub.service", Profile: "own", Masks: []string{"/proc/kmsg", "/proc/1"}}, []string{"clone", "mount", "capset"},
			`# sudo systemctl edit hub.service, with these lines:
[Service]
RestrictNamespaces=no
ProtectKernelLogs=no
SystemCallFilter=@mount capset
AppArmorProfile=
# and nothing mounted over /proc/1
`},
		{place.Place{Kind: place.Unit}, nil, "# Nothing is known to withhold anything in UNIT.\n"},
		{place.Place{Kind: place.Docker, GVisor: true}, nil, "# gVisor lacks what a sandbox needs: " + WithoutGVisor + ".\n"},
		{place.Place{Kind: place.Snap, Name: "code", Profile: "snap.code.code"}, nil, "# Run it from outside of the snap code.\n"},
	}
	for _, c := range cases {
		if diff := cmp.Diff(c.want, ForContainer(&isolate.Surroundings{Place: c.place, Refused: c.refused})); diff != "" {
			t.Errorf("%+v: want - got +:\n%s", c.place, diff)
		}
	}
}
