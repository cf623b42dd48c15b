package launcher

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/jupyter"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// kernelDir is a private directory, where a kernel makes its sockets when they are
// files, since its path is short enough for any of them. The connection file is
// there if it can't be where it is outside.
const kernelDir = "/run/kernel"

// privateDirs keep out of sight where connection files lie: they are the keys
// of other kernels, and beside them is the server's token. Such a directory is
// an empty one wherever a mount would show it. A mount of one itself is an
// error, since what will lie there can't be hidden file by file.
func privateDirs(c *connectionFile, p *isolate.Policy) ([]isolate.Mount, error) {
	var mounts []isolate.Mount
	inside := p.Files[0].Path
	if c.ipc || inside != c.path {
		mounts = append(mounts, isolate.Private(kernelDir))
	}
	own := filepath.Dir(c.path)
	usual := []string{jupyter.RuntimeDir(p.Home), os.TempDir()}
	for _, dir := range append(usual, own) {
		if source := named(dir, slices.Concat(p.Base, p.Mounts)); source != "" {
			kind := remedy.KindOtherKernels
			if !slices.Contains(usual, dir) && sameFile(dir, p.Dir) {
				kind = remedy.KindOwnConnectionFile
			}
			return nil, &isolate.SetupError{Doing: "mount", Path: source, Err: errors.New("connection files of other kernels lie there"), Kind: kind}
		}
		mounts = append(mounts, isolate.Private(dir).WhereverShown())
	}
	// Where nothing is shown its own directory is made for the copy, unless it
	// is private as it is.
	if inside == c.path && own != "/tmp" && own != "/var/tmp" && own != "/dev/shm" && own != p.Home {
		mounts = append(mounts, isolate.Private(own))
	}
	return mounts, nil
}

// named returns the source of a mount of dir itself, or "" if there is none.
func named(dir string, mounts []isolate.Mount) string {
	for _, m := range mounts {
		if !m.Wherever && m.Source != "" && sameFile(dir, m.Source) {
			return m.Source
		}
	}
	return ""
}

// sameFile reports whether both paths lead to the same file, or directory.
func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// placeOf returns the path at which the kernel finds its connection file: the same as
// outside, unless a mount shows another directory there (/tmp=/scratch). Nothing is
// made in that one.
func placeOf(c *connectionFile, mounts []isolate.Mount) string {
	for _, m := range mounts {
		host := m.Source != "" && !m.Wherever
		if host && m.Target != "" && m.Target != m.Source && strings.HasPrefix(c.path, strings.TrimSuffix(m.Target, "/")+"/") {
			return filepath.Join(kernelDir, filepath.Base(c.path))
		}
	}
	return c.path
}
