package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/remedy"
	"isolate-namespace/kernelspec"
	"isolate-namespace/share"
)

// plainPath is one that AppArmor doesn't take for a pattern (apparmor.d(5)).
var plainPath = regexp.MustCompile(`^[\w/.+-]+$`)

// appArmor prints the profiles of the commands beside launcher.
func (s *session) appArmor(launcher string) error {
	dir := filepath.Dir(launcher)
	if !plainPath.MatchString(dir) {
		return &kernelspec.Error{
			Reason: fmt.Sprintf("AppArmor would take %q for a pattern", dir),
			Remedy: remedy.InstallPlain,
		}
	}
	if other := changeable(launcher); other != "" {
		warning := other + " can be changed by others than root: whoever can has user namespaces for any program"
		s.notes([]string{warning + "; " + remedy.InstallAsRoot})
		s.stdout.Line("# %s.", warning)
	}
	s.stdout.Lines(strings.ReplaceAll(share.AppArmorProfile, "@COMMANDS@", dir))
	return nil
}

// changeable returns path, or the first directory above it, if it is for others
// than root to change; or "".
func changeable(path string) string {
	for ; ; path = filepath.Dir(path) {
		var stat unix.Stat_t
		err := unix.Stat(path, &stat)
		sticky := stat.Mode&unix.S_ISVTX != 0 // there, only a name's owner can
		if err != nil || stat.Uid != 0 || stat.Mode&0o022 != 0 && !sticky {
			return path
		}
		if path == "/" {
			return ""
		}
	}
}
