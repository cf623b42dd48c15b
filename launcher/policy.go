package launcher

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate"
)

// exchange is where nbgrader keeps what students hand in, readable for
// everybody and below /usr.
const exchange = "/usr/local/share/nbgrader"

// newPolicy is what one kernel may see.
func newPolicy(o *options, c *connectionFile) (isolate.Policy, error) {
	p := isolate.Policy{
		Network: o.network,
		Limits:  o.limits,
		TmpSize: o.tmpSize,
		Home:    isolate.HomeDir(),
		Env:     environ(o.env),
		Files:   []isolate.File{{Path: c.path, Mode: 0o600, Data: c.text}},

		AllowSymlinks: o.allowSymlinks,
	}
	switch {
	case c.ipc:
		p.Files[0].Data = c.inside(socketDir + "/ipc")
	case o.network == isolate.NetworkNone:
		p.Files[0].Data = c.inside("127.0.0.1")
	}
	dir, err := unix.Getwd()
	if err != nil {
		return p, &isolate.SetupError{Doing: "find the working directory", Err: err, Remedy: "start the kernel in a directory that exists"}
	}
	p.Dir = dir
	if err := setMounts(&p, o.mounts); err != nil {
		return p, err
	}
	if !o.writableNotebooks {
		p.Mounts = append(p.Mounts, notebooks(p.Dir, p.Mounts)...)
	}
	private, err := privateDirs(c, &p)
	p.Mounts = append(p.Mounts, private...)
	return p, err
}

// setMounts puts in what the environment and the options name. Where two name
// the same place the later one counts.
func setMounts(p *isolate.Policy, options []string) error {
	work := os.Getenv("MNTDIRS")
	if strings.TrimSpace(work) == "" {
		work = "."
	}
	p.Mounts = []isolate.Mount{{Target: exchange, Access: isolate.Masked}}
	for _, entries := range append([]string{os.Getenv("MNTDIRS_KERNEL"), work}, options...) {
		mounts, err := isolate.ParseMounts(entries, p.Dir, p.Home)
		if err != nil {
			return err
		}
		p.Mounts = append(p.Mounts, mounts...)
	}
	var err error
	if base := os.Getenv("MNTDIRS_BASE"); base != "" {
		p.Base, err = isolate.ParseMounts(base, p.Dir, p.Home)
	}
	return err
}

// environ is the part of our environment that the kernel gets, and what the
// options add.
func environ(options []string) []string {
	var names, set []string
	for _, o := range options {
		if strings.Contains(o, "=") {
			set = append(set, o)
		} else {
			names = append(names, o)
		}
	}
	// A kernel ends itself when its parent is not the process of this number,
	// unless the number is 1. Its parent's end is the launcher's business.
	set = append(set, "JPY_PARENT_PID=1")
	return lastOfEach(append(isolate.FilterEnv(os.Environ(), names), set...))
}

// lastOfEach keeps one entry of each name: programs don't agree on which of
// two counts.
func lastOfEach(env []string) []string {
	last := map[string]int{}
	for i, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		last[name] = i
	}
	kept := env[:0]
	for i, entry := range env {
		if name, _, _ := strings.Cut(entry, "="); last[name] == i {
			kept = append(kept, entry)
		}
	}
	return kept
}

// notebooks keeps what the kernel works beside from being replaced: whoever
// executes a notebook writes it again when the kernel has ended, outside, and
// would follow a link that the kernel left in its place. Each notebook of a
// writable working directory is a read-only mount of itself, which can be
// neither written, nor removed, nor renamed.
func notebooks(dir string, mounts []isolate.Mount) []isolate.Mount {
	deepest := isolate.Mount{Access: isolate.ReadOnly}
	for _, m := range mounts {
		if (dir == m.Target || strings.HasPrefix(dir, m.Target+"/")) && len(m.Target) >= len(deepest.Target) {
			deepest = m
		}
	}
	if deepest.Access != isolate.Writable {
		return nil
	}
	entries, _ := os.ReadDir(dir) // an unreadable one holds no notebook for us
	var own []isolate.Mount
	for _, entry := range entries {
		if path := filepath.Join(dir, entry.Name()); filepath.Ext(path) == ".ipynb" && entry.Type().IsRegular() {
			own = append(own, isolate.Mount{Source: path, Target: path, Access: isolate.ReadOnly, Optional: true})
		}
	}
	return own
}
