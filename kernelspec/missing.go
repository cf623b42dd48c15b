package kernelspec

import (
	"os"
	"path/filepath"
	"slices"

	"isolate-namespace/isolate"
)

// missingSources are what an isolated spec has its kernel see and what isn't
// there, so that no kernel starts. Of a relative path only the launcher of a
// notebook knows. An entry that can't be read is left to the launcher as well.
func missingSources(spec Spec) []string {
	home, _ := os.UserHomeDir()
	env := spec.Expanded()
	all := []string{env["MNTDIRS_KERNEL"], env["MNTDIRS"]}
	_, options, _ := splitCommand(spec.Argv())
	var missing []string
	for _, entries := range append(all, mountOptions(options)...) {
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
