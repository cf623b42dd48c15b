package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// class returns what two mounts must have in common to show the same.
func (b *bench) class(m mount) string {
	kind := m.Root
	switch {
	case strings.HasPrefix(m.Target, "/proc/") && m.Target != "/proc/sys":
		kind = "cover"
	case m.FS == "devtmpfs":
		return "device " + m.Root // read-only here, writable there
	case m.FS == "proc" || b.own(m):
		kind = m.FS
	}
	if m.ReadOnly {
		kind += ", read-only"
	}
	return kind
}

// equal says how bubblewrap's sandbox differs from isolate's in what is meant to be
// the same.
func (b *bench) equal(ours, theirs *view) error {
	a, z := b.properties(ours), b.properties(theirs)
	var differences []string
	for _, key := range slices.Sorted(maps.Keys(both(a, z))) {
		_, inA := a[key]
		_, inZ := z[key]
		if inA != inZ || a[key] != z[key] {
			differences = append(differences, fmt.Sprintf("%s: %q in isolate, %q in bubblewrap", key, a[key], z[key]))
		}
	}
	if differences == nil {
		return nil
	}
	return fmt.Errorf("the policies differ:\n%s", strings.Join(differences, "\n"))
}

// both has the keys of both maps.
func both(a, z map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, z)
	return all
}

// properties returns all that must be equal. What isn't: bubblewrap has a file
// system of its own for /dev, and sets PWD; isolate adds a filter of system
// calls, Landlock and hidepid.
func (b *bench) properties(v *view) map[string]string {
	all := map[string]string{"user": v.User}
	for _, m := range v.Mounts {
		if m.Target != "/dev" {
			all["mount "+m.Target] = b.class(m)
		}
	}
	for _, name := range b.newNamespaces(v) {
		all["namespace "+name] = "its own"
	}
	for path, to := range v.Links {
		if !strings.HasPrefix(path, "/dev/") {
			all["link "+path] = to
		}
	}

	for path, data := range v.Files {
		all["file "+path] = data
	}
	for _, entry := range v.Env {
		if name, value, _ := strings.Cut(entry, "="); name != "PWD" {
			all["variable "+name] = value
		}
	}
	for _, name := range []string{"NoNewPrivs", "CapEff", "CapPrm", "CapBnd", "CapAmb"} {
		all[name] = v.Status[name]
	}
	return all
}

func (b *bench) newNamespaces(v *view) []string {
	var names []string
	for name, id := range v.Namespaces {
		if id != b.host.Namespaces[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// lacks says what isolate's sandbox has and v's doesn't.
func (b *bench) lacks(v *view) string {
	var missing []string
	for _, name := range b.newNamespaces(b.ours.seen) {
		if v.Namespaces[name] == b.host.Namespaces[name] {
			missing = append(missing, name)
		}
	}

	lacks := []string{}
	if missing != nil {
		lacks = append(lacks, "namespaces "+strings.Join(missing, " "))
	}
	// A supervisor, such as sandlock's, may answer for a mount table that isn't there.
	hostMounts := v.Namespaces["mnt"] == b.host.Namespaces["mnt"]
	if i := slices.IndexFunc(v.Mounts, func(m mount) bool { return m.Target == "/" }); hostMounts || i < 0 || !b.own(v.Mounts[i]) {
		lacks = append(lacks, "a root of its own")
	}
	if v.Status["CapBnd"] != b.ours.seen.Status["CapBnd"] {
		lacks = append(lacks, "dropped capabilities")
	}

	if v.Status["NoNewPrivs"] != "1" {
		lacks = append(lacks, "no_new_privs")
	}
	if v.Status["Seccomp"] != "2" {
		lacks = append(lacks, "a filter of system calls")
	}
	if v.MakesLinks {
		lacks = append(lacks, "a refusal of links in shared directories")
	}
	if !slices.ContainsFunc(v.Mounts, func(m mount) bool { return m.FS == "proc" && strings.Contains(m.Super, "hidepid") }) {
		lacks = append(lacks, "hidepid")
	}
	return strings.Join(lacks, "; ")
}
