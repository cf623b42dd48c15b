package launcher

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"isolate-namespace/internal/activeenv"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// exchange is where nbgrader keeps what students hand in, readable for
// everybody and below /usr.
const exchange = "/usr/local/share/nbgrader"

// serverConfig is where a prefix has the configuration of Jupyter's servers,
// with tokens and passwords.
const serverConfig = "etc/jupyter"

// newPolicy returns what one kernel may see.
func newPolicy(o *options, c *connectionFile) (isolate.Policy, error) {
	o.limits.Group = true // what it takes of a kernel's start is little
	p := isolate.Policy{
		Network:  o.network,
		Services: o.services,
		Devices:  o.devices,
		GPU:      o.gpu,
		Limits:   o.limits,
		Home:     isolate.HomeDir(),
		Env:      environ(o.env, o.gpu != ""),
		Files:    []isolate.File{{Path: c.path, Mode: 0o600, Data: c.text}},

		AllowSymlinks: o.allowSymlinks,
		Missed:        o.missed,
		ShareProc:     o.shareProc,
	}
	switch {
	case c.ipc:
		p.Files[0].Data = c.inside(kernelDir + "/ipc")
	case o.network == isolate.NetworkNone:
		p.Files[0].Data = c.inside("127.0.0.1")
	}

	if err := checkPorts(o.services, c); err != nil {
		return p, err
	}
	dir, err := isolate.WorkingDir()
	if err != nil {
		return p, err
	}
	p.Dir = dir
	p.DirNames = []string{os.Getenv("PWD"), filepath.Dir(os.Getenv("JPY_SESSION_NAME"))}
	if err := setMounts(&p, o.mounts); err != nil {
		return p, err
	}
	p.Files[0].Path = placeOf(c, slices.Concat(p.Base, p.Mounts))
	if err := showActive(&p); err != nil {
		return p, err
	}
	if !o.writableNotebooks {
		if err := protectNotebooks(&p); err != nil {
			return p, err
		}
	}

	private, err := privateDirs(c, &p)
	p.Mounts = append(p.Mounts, private...)
	return p, err
}

// checkPorts refuses services at a port of the loopback interface that the kernel
// itself listens on.
func checkPorts(services []isolate.Service, c *connectionFile) error {
	if c.ipc {
		return nil
	}
	for _, s := range services {
		for _, port := range c.ports {
			if s.Port == port && (s.Host == "localhost" || s.Host == "127.0.0.1") {
				return &isolate.SetupError{Doing: "reach", Path: s.Host + ":" + strconv.Itoa(port),
					Err: errors.New("it is a port that Jupyter has chosen for the kernel"), Kind: remedy.KindPortTaken}
			}
		}
	}
	return nil
}

// setMounts puts in what the environment and the options name. Where two name
// the same place the later one counts.
func setMounts(p *isolate.Policy, options []string) error {
	work := os.Getenv("MNTDIRS")
	if strings.TrimSpace(work) == "" {
		work = "."
	}
	p.Mounts = []isolate.Mount{isolate.Masked(exchange).WhereverShown()}
	kernels, err := isolate.ParseMounts(os.Getenv("MNTDIRS_KERNEL"), p.Dir, p.Home)
	if err != nil {
		return err
	}
	for _, prefix := range append(kernels, isolate.Writable("/usr"), isolate.Writable("/usr/local")) {
		p.Mounts = append(p.Mounts, hideServerConfig(prefix.Source))
	}

	p.Mounts = append(p.Mounts, kernels...)
	for _, entries := range append([]string{work}, options...) {
		mounts, err := isolate.ParseMounts(entries, p.Dir, p.Home)
		if err != nil {
			return err
		}
		p.Mounts = append(p.Mounts, mounts...)
	}

	if base := os.Getenv("MNTDIRS_BASE"); base != "" {
		p.Base, err = isolate.ParseMounts(base, p.Dir, p.Home)
	}
	return err
}

// showActive shows the environments that are active where Jupyter runs, without
// its servers' configuration: a program that a cell starts by its name is then
// the one that a plain kernel would have started.
func showActive(p *isolate.Policy) error {
	named := len(p.Mounts)
	err := activeenv.Show(p, "")
	for _, m := range p.Mounts[named:] {
		p.Mounts = append(p.Mounts, hideServerConfig(m.Source))
	}
	return err
}

func hideServerConfig(prefix string) isolate.Mount {
	return isolate.Masked(filepath.Join(prefix, serverConfig)).WhereverShown()
}

// environ returns the part of our environment that the kernel gets, and what the
// options add.
func environ(options []string, onGPU bool) []string {
	var names, set []string
	if onGPU {
		names = isolate.GPUVariables()
	}
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
