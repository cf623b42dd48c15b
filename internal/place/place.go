// Package place recognizes where a process runs: in a container, in a unit of
// systemd's or on the machine itself, and what is known there of that which
// withholds namespaces and mounts. It only reads files, variables and the
// kernel's name, and knows nothing of sandboxes.
package place

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A Kind is a kind of place, by who has made it.
type Kind string

// Kinds of places.
const (
	Machine    Kind = "machine" // nothing else was recognized
	Docker     Kind = "docker"
	Podman     Kind = "podman"
	Kubernetes Kind = "kubernetes"
	Container  Kind = "container" // of another maker
	Unit       Kind = "unit"      // a service of systemd's
	Snap       Kind = "snap"
)

// A Place is where this process runs.
type Place struct {
	Kind Kind
	// Name is the unit's or the snap's, as in "jupyterhub.service", or "" if it
	// isn't known.
	Name string
	// DockerSpawner says that JupyterHub's DockerSpawner has made the container,
	// with Docker or with Podman in its place.
	DockerSpawner bool
	// GVisor says that the kernel is gVisor, whatever the container's maker.
	GVisor bool
	// Filtered says that system calls are filtered (seccomp).
	Filtered bool
	// Profile is the AppArmor profile that confines this process, as in
	// "docker-default", or "".
	Profile string
	// NoProc says that no process file system is mounted at /proc.
	NoProc bool
	// Masks are the paths in /proc that something else lies over, or that are
	// read-only by themselves, as in containers. While there are any, the kernel
	// mounts no other /proc (mount_too_revealing in fs/namespace.c).
	Masks []string
	// OnlyProcesses says that /proc has nothing but processes (subset=pid).
	OnlyProcesses bool
	// Admin says that this process or a program that it executes could have
	// CAP_SYS_ADMIN. The filter of a container depends on it.
	Admin bool
}

// Here looks where this process runs.
func Here() Place {
	var p Place
	status, _ := os.ReadFile("/proc/self/status")
	p.Filtered = field(string(status), "Seccomp") == "2"
	p.Admin = hasCapability(field(string(status), "CapBnd"), unix.CAP_SYS_ADMIN)
	p.Profile = appArmorProfile()
	p.GVisor = strings.Contains(kernelName(), "gvisor")
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	p.NoProc = err != nil
	p.Masks, p.OnlyProcesses = procMounts(string(mounts))

	cgroup, _ := os.ReadFile("/proc/self/cgroup")
	p.Kind, p.Name = who(os.Getenv, exists, string(cgroup))
	p.DockerSpawner = byDockerSpawner(p.Kind, os.Getenv)
	if name, ok := strings.CutPrefix(p.Profile, "snap."); ok && p.Kind == Machine {
		p.Kind = Snap
		p.Name, _, _ = strings.Cut(name, ".")
	}
	return p
}

// who returns who has made the place, and the name of a unit.
func who(getenv func(string) string, exists func(string) bool, cgroup string) (Kind, string) {
	maker := getenv("container") // as systemd's container interface has it
	switch {
	case getenv("KUBERNETES_SERVICE_HOST") != "" || exists("/var/run/secrets/kubernetes.io"):
		return Kubernetes, "" // first: CRI-O makes Podman's file as well
	case maker == "podman" || exists("/run/.containerenv"):
		return Podman, ""
	case maker == "docker" || exists("/.dockerenv"):
		return Docker, ""
	case maker != "" || exists("/run/systemd/container"):
		return Container, ""
	}
	if unit, ok := unitOf(cgroup, getenv("INVOCATION_ID") != ""); ok {
		return Unit, unit
	}
	return Machine, ""
}

// byDockerSpawner says whether DockerSpawner has made the container. KubeSpawner sets
// the same variable.
func byDockerSpawner(kind Kind, getenv func(string) string) bool {
	return (kind == Docker || kind == Podman) && getenv("JUPYTER_IMAGE_SPEC") != ""
}

// unitOf returns the service of systemd's that a process is in, by the content of
// /proc/self/cgroup. What a user starts in a session is in a scope. invoked says
// whether systemd has started the process or one above it, for a group that
// doesn't say in what.
func unitOf(cgroup string, invoked bool) (name string, ok bool) {
	named := false
	for line := range strings.Lines(cgroup) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 || parts[1] != "" && parts[1] != "name=systemd" {
			continue // cgroups(7): those of the other controllers have other names
		}
		for dir := range strings.SplitSeq(parts[2], "/") {
			switch filepath.Ext(dir) {
			case ".service":
				name, named = dir, true
			case ".scope":
				name, named = "", true
			}
		}
	}
	return name, name != "" || invoked && !named
}

// field returns the value of a line of /proc/self/status.
func field(status, name string) string {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func exists(path string) bool { return unix.Access(path, unix.F_OK) == nil }

func kernelName() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}
