package kernelspec

import (
	"os"
	"path/filepath"
	"slices"

	"isolate-namespace/isolate"
)

// missingSources returns the sources of a twin's mounts that don't exist,
// so that no kernel starts. It leaves relative paths, which depend on the
// notebook, and entries that can't be read to the launcher.
func missingSources(spec Spec) []string {
	var missing []string
	for _, m := range mounts(spec) {
		if m.Optional || m.Access == isolate.AccessMasked || !filepath.IsAbs(m.Source) || slices.Contains(missing, m.Source) {
			continue
		}
		if _, err := os.Stat(m.Source); os.IsNotExist(err) {
			missing = append(missing, m.Source)
		}
	}
	return missing
}

// shownBy returns the paths that a spec's mounts show at their own places.
func shownBy(spec Spec) (paths []string) {
	for _, m := range mounts(spec) {
		if m.Access != isolate.AccessMasked && filepath.IsAbs(m.Source) && (m.Target == "" || m.Target == m.Source) {
			paths = append(paths, m.Source)
		}
	}
	return paths
}

// mounts returns the mounts of a spec, without entries that can't be read. Relative
// paths stay relative.
func mounts(spec Spec) (all []isolate.Mount) {
	home, _ := os.UserHomeDir()
	env := spec.Expanded()
	entries := []string{env["MNTDIRS_KERNEL"], env["MNTDIRS"]}
	for _, entries := range append(entries, spec.Command().Options.Values("--mount")...) {
		if mounts, err := isolate.ParseMounts(entries, ".", home); err == nil {
			all = append(all, mounts...)
		}
	}
	return all
}
