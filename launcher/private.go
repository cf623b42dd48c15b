package launcher

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"isolate-namespace/internal/jupyter"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// socketDir is where a kernel makes its sockets when they are files: private,
// and a path that is short enough for any of them.
const socketDir = "/run/kernel"

// privateDirs keep out of sight where connection files lie: they are the keys
// of other kernels, and beside them is the server's token. Such a directory is
// an empty one wherever a mount would show it. A mount of one itself is an
// error, since what will lie there can't be hidden file by file.
func privateDirs(c *connectionFile, p *isolate.Policy) ([]isolate.Mount, error) {
	var mounts []isolate.Mount
	if c.ipc {
		mounts = append(mounts, isolate.Private(socketDir))
	}
	own := filepath.Dir(c.path)
	for _, dir := range []string{own, jupyter.RuntimeDir(p.Home), os.TempDir()} {
		if err := checkUnnamed(dir, slices.Concat(p.Base, p.Mounts)); err != nil {
			return nil, err
		}
		mounts = append(mounts, isolate.Private(dir).WhereverShown())
	}
	// Where nothing is shown its own directory is made for the copy, unless it
	// is private as it is.
	if own != "/tmp" && own != "/var/tmp" && own != "/dev/shm" && own != p.Home {
		mounts = append(mounts, isolate.Private(own))
	}
	return mounts, nil
}

// checkUnnamed is an error if a mount is of dir itself.
func checkUnnamed(dir string, mounts []isolate.Mount) error {
	info, err := os.Stat(dir)
	if err != nil {
		return nil // there is none
	}
	for _, m := range mounts {
		if m.Wherever || m.Source == "" {
			continue
		}
		if source, err := os.Stat(m.Source); err == nil && os.SameFile(source, info) {
			return &isolate.SetupError{Doing: "mount", Path: m.Source, Err: errors.New("connection files of other kernels lie there"),
				Kind: remedy.KindOtherKernels}
		}
	}
	return nil
}
