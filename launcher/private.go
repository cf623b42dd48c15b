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
		mounts = append(mounts, isolate.Mount{Target: socketDir, Access: isolate.Private})
	}
	own := filepath.Dir(c.path)
	targets, err := shownAt([]string{own, jupyter.RuntimeDir(p.Home), os.TempDir()}, slices.Concat(p.Base, p.Mounts))
	if err != nil {
		return nil, err
	}
	for _, target := range targets {
		mounts = append(mounts, isolate.Mount{Target: target, Access: isolate.Private})
	}
	// Where nothing is shown its own directory is made for the copy, unless it
	// is private as it is.
	if own != "/tmp" && own != "/var/tmp" && own != "/dev/shm" && own != p.Home {
		mounts = append(mounts, isolate.Mount{Target: own, Access: isolate.Private})
	}
	return mounts, nil
}

// shownAt are the places inside at which mounts would show what is in one of
// the directories.
func shownAt(dirs []string, mounts []isolate.Mount) (targets []string, err error) {
	var real []string
	for _, dir := range dirs {
		if dir, err := filepath.EvalSymlinks(dir); err == nil { // else there is none
			real = append(real, dir)
		}
	}
	for _, m := range mounts {
		if m.Access == isolate.Masked || m.Access == isolate.Private {
			continue
		}
		source, err := filepath.EvalSymlinks(m.Source)
		if err != nil {
			continue // said when it is mounted
		}
		for _, dir := range real {
			below, found := strings.CutPrefix(dir+"/", source+"/")
			switch {
			case found && below == "":
				return nil, &isolate.SetupError{Doing: "mount", Path: m.Source, Err: errors.New("connection files of other kernels lie there"),
					Kind: remedy.KindOtherKernels}
			case found:
				targets = append(targets, filepath.Join(m.Target, below))
			}
		}
	}
	return targets, nil
}
