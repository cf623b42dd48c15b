package kernelspec

import (
	"os"
	"path/filepath"
	"slices"

	"isolate-namespace/isolate"
)

// missingSources returns the sources of an isolated spec's mounts that don't exist,
// so that no kernel starts. It leaves relative paths, which depend on the
// notebook, and entries that can't be read to the launcher.
func missingSources(spec Spec) []string {
	home, _ := os.UserHomeDir()
	env := spec.Expanded()
	all := []string{env["MNTDIRS_KERNEL"], env["MNTDIRS"]}
	var missing []string
	for _, entries := range append(all, spec.Command().Options.Values("--mount")...) {
		mounts, err := isolate.ParseMounts(entries, ".", home) // which leaves relative ones as they are
		if err != nil {
			continue
		}
		for _, m := range mounts {
			if m.Optional || m.Access == isolate.Masked || !filepath.IsAbs(m.Source) || slices.Contains(missing, m.Source) {
				continue
			}
			if _, err := os.Stat(m.Source); os.IsNotExist(err) {
				missing = append(missing, m.Source)
			}
		}
	}

	return missing
}
