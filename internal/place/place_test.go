package place

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestWho(t *testing.T) {
	const session = "0::/user.slice/user-1000.slice/session-3.scope\n"
	const service = "0::/system.slice/jupyterhub.service\n"
	cases := []struct {
		name   string
		env    string // NAME=VALUE ...
		files  string
		cgroup string
		want   Kind
		unit   string
	}{
		{"a session", "", "", session, Machine, ""},
		{"nothing known", "", "", "", Machine, ""},
		{"Docker", "", "/.dockerenv", "0::/\n", Docker, ""},
		{"Podman", "container=podman", "/run/.containerenv", "0::/\n", Podman, ""},
		{"Podman, without its variable", "", "/run/.containerenv", "0::/\n", Podman, ""},
		{"Kubernetes on CRI-O", "KUBERNETES_SERVICE_HOST=10.0.0.1", "/run/.containerenv", "0::/\n", Kubernetes, ""},
		{"Kubernetes, without its variables", "", "/var/run/secrets/kubernetes.io", "0::/\n", Kubernetes, ""},
		{"another container", "container=lxc", "", service, Container, ""},
		{"a container with systemd in it", "", "/run/systemd/container", service, Container, ""},
		{"a service", "INVOCATION_ID=1", "", service, Unit, "jupyterhub.service"},
		{"a group of its own in a service", "", "", "0::/system.slice/a.service/payload\n", Unit, "a.service"},
		{"a service, version 1", "", "", "3:memory:/x.scope\n1:name=systemd:/system.slice/a.service\n", Unit, "a.service"},
		{"a user's service", "", "", "0::/user.slice/user-1.slice/user@1.service/app.slice/lab.service\n", Unit, "lab.service"},
		{"a user's session", "INVOCATION_ID=1", "", "0::/user.slice/user-1.slice/user@1.service/app.slice/term.scope\n", Machine, ""},
		{"a service without groups", "INVOCATION_ID=1", "", "0::/\n", Unit, ""},
	}
	for _, c := range cases {
		getenv := func(name string) string {
			for entry := range strings.FieldsSeq(c.env) {
				if value, ok := strings.CutPrefix(entry, name+"="); ok {
					return value
				}
			}
			return ""
		}
		exists := func(path string) bool { return slices.Contains(strings.Fields(c.files), path) }
		if kind, unit := who(getenv, exists, c.cgroup); kind != c.want || unit != c.unit {
			t.Errorf("%s: %s %q, want %s %q", c.name, kind, unit, c.want, c.unit)
		}
	}
}

func TestByDockerSpawner(t *testing.T) {
	set := func(name string) string { return map[string]string{"JUPYTER_IMAGE_SPEC": "lab:latest"}[name] }
	unset := func(string) string { return "" }
	for kind, want := range map[Kind]bool{Docker: true, Podman: true, Kubernetes: false, Machine: false} {
		if byDockerSpawner(kind, set) != want || byDockerSpawner(kind, unset) {
			t.Errorf("%s: not %t", kind, want)
		}
	}
}

func TestProfileOf(t *testing.T) {
	for label, want := range map[string]string{
		"": "", "unconfined\n": "", "isolate (unconfined)\n": "", "unprivileged_userns (complain)": "", "system_u:system_r:container_t:s0\x00": "",
		"docker-default (enforce)\n": "docker-default", "snap.x.y (enforce)": "snap.x.y", "a//&b (enforce)": "a//&b", "kill_me (kill)": "kill_me",
	} {
		if got := ProfileOf(label); got != want {
			t.Errorf("%q: %q, want %q", label, got, want)
		}
	}
}

func TestProcMounts(t *testing.T) {
	const proc = "98 95 0:41 / /proc rw,nosuid - proc proc rw\n"
	cases := []struct {
		name, table string
		masks       string
		only        bool
	}{
		{"plain", proc, "", false},
		{"where file systems are made to be mounted", proc + "99 98 0:42 / /proc/sys/fs/binfmt_misc rw - binfmt_misc x rw\n", "", false},
		{"a container's", proc + "119 98 0:6 /null /proc/keys ro - devtmpfs devtmpfs rw\n125 98 0:41 /sys /proc/sys ro - proc proc rw\n", "/proc/keys /proc/sys", false},
		{"read-only", strings.Replace(proc, "rw,", "ro,", 1), "/proc", false},
		{"only processes", strings.Replace(proc, "- proc proc rw", "- proc proc rw,subset=pid", 1), "", true},
		{"only processes, with what hides more", strings.Replace(proc, "- proc proc rw", "- proc proc rw,subset=pid", 1) +
			"1 2 0:3 / /sys ro,nosuid - sysfs sysfs rw\n1 2 0:3 /x /dev/kmsg ro - tmpfs tmpfs rw\n", "/proc/kmsg /proc/sys", true},
		{"a read-only /sys", proc + "1 2 0:3 / /sys ro,nosuid - sysfs sysfs rw\n", "", false},
		{"another on top", proc + "119 98 0:6 /null /proc/keys ro - devtmpfs devtmpfs rw\n" + proc, "", false},
		{"elsewhere", "98 95 0:41 /x /process rw - ext4 x rw\n", "", false},
	}
	for _, c := range cases {
		masks, only := procMounts(c.table)
		if got := strings.Join(masks, " "); got != c.masks || only != c.only {
			t.Errorf("%s: %q, %v", c.name, got, only)
		}
	}
}

// What is read of this process is true of it.
func TestHere(t *testing.T) {
	p := Here()
	_, err := os.Stat("/proc/self")
	if p.Kind == "" || p.NoProc != (err != nil) {
		t.Errorf("%+v", p)
	}
}
