package activeenv

import (
	"os"
	"path/filepath"
	"slices"

	"isolate-namespace/internal/pathname"
	"isolate-namespace/isolate"
)

// visible reports whether the policy's mounts show path at its own place, by all
// the links that lead to it.
func (f *finder) visible(path string) bool {
	for _, step := range f.links.chain(path) {
		if !f.shown(step) {
			return false
		}
	}
	real, err := f.links.real(path)
	return err == nil && (real == path || f.shown(real))
}

// shown reports whether the deepest mount over path shows what is there outside.
func (f *finder) shown(path string) bool {
	base := f.policy.Base
	if base == nil {
		base = []isolate.Mount{isolate.ReadOnly("/usr"), isolate.ReadOnly("/bin"), isolate.ReadOnly("/sbin"), isolate.ReadOnly("/lib"), isolate.ReadOnly("/lib64")}
	}
	private := []isolate.Mount{}
	for _, dir := range []string{f.policy.Home, "/tmp", "/var/tmp", "/dev/shm"} {
		private = append(private, isolate.Private(dir))
	}
	deepest, target := deepest(path, slices.Concat(base, private, f.policy.Mounts))
	if deepest.Access == isolate.AccessMasked || deepest.Access == isolate.AccessPrivate {
		return false
	}
	outside, err := os.Stat(path)
	from := filepath.Join(deepest.Source, path[len(target):])
	if err != nil || from == path {
		return err == nil
	}
	inside, err := os.Stat(from)
	return err == nil && os.SameFile(inside, outside)
}

// isCovered reports whether a mount that was named decides what is at path.
func (f *finder) isCovered(path string) bool {
	_, target := deepest(path, f.policy.Mounts)
	return target != ""
}

// replaced reports whether a mount that was named shows another program at path.
func (f *finder) replaced(path string) bool {
	m, target := deepest(path, f.policy.Mounts)
	if target == "" || target == m.Source || m.Access == isolate.AccessMasked || m.Access == isolate.AccessPrivate {
		return false
	}
	_, err := os.Stat(filepath.Join(m.Source, path[len(target):]))
	return err == nil
}

// isNamed reports whether path lies in what a mount that was named shows, which
// is what programs work on.
func (f *finder) isNamed(path string) bool {
	return slices.ContainsFunc(f.policy.Mounts[:f.named], func(m isolate.Mount) bool {
		return m.Source != "" && pathname.Within(path, m.Source)
	})
}

// deepest returns the mount over path that counts, and where it is shown; without
// one it is a mask at "".
func deepest(path string, mounts []isolate.Mount) (found isolate.Mount, target string) {
	found.Access = isolate.AccessMasked
	for _, m := range mounts {
		at := m.Target
		if at == "" {
			at = m.Source
		}
		if pathname.Within(path, at) && len(at) >= len(target) {
			found, target = m, at
		}
	}
	return found, target
}
