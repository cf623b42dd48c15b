package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/activeenv"
	option "isolate-namespace/internal/options"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// usage returns what --help says.
func usage() string {
	return `Usage: isolate [OPTIONS] [--] [PROGRAM [ARG...]]

Run PROGRAM, or a shell, so that it sees only the directories you name.

` + option.Lines(option.Isolate()) + `
ENTRIES are [ro:|try:|cow:]PATH, TARGET=SOURCE or PATH=none, separated by
spaces; the default is $MNTDIRS, or this directory. The value none lifts a
limit. These options mean the same as in bubblewrap, and so do the other
--unshare-*:
` + option.Names(option.Bubblewrap()) + `

Exit status: PROGRAM's own, or the signal that ended it; 125 if there is no
sandbox, 126 if PROGRAM can't be executed, 127 if it isn't there.
`
}

// errHelp and errVersion end the options where one of these was asked for.
var (
	errHelp    = errors.New("help")
	errVersion = errors.New("version")
)

// options are what the command line and the environment say.
type options struct {
	policy  isolate.Policy
	dir     string // the working directory outside
	named   bool   // mounts were named
	env     []func([]string) []string
	verbose bool
	dryRun  bool
	explain string
	report  string
	program []string
}

// parseOptions reads the command line into a policy. Options end with "--" or
// with the first word that doesn't begin with a dash.
func parseOptions(args []string) (*options, error) {
	dir, err := isolate.WorkingDir()
	if err != nil {
		return nil, err
	}
	o := &options{dir: dir, verbose: os.Getenv("VERBOSE") != ""}
	o.policy = isolate.Policy{
		Dir: dir, Home: isolate.HomeDir(),
		User: &isolate.User{UID: os.Geteuid(), GID: os.Getegid()},
	}
	if base := os.Getenv("NI_BASEDIR"); base != "" {
		o.policy.AssembleOn = o.path(base)
	}
	rest, _, err := option.Parse(table(), args, o.set)
	if err != nil {
		return nil, misuse(err)
	}
	o.program = rest
	return o, o.finish()
}

// misuse is the error for a command line that can't be read. One of the library
// says more about a value than that.
func misuse(err error) error {
	var value *option.ValueError
	var setup *isolate.SetupError
	if errors.As(err, &value) && (value.Err == errHelp || value.Err == errVersion || errors.As(err, &setup)) {
		return value.Err
	}
	return &isolate.SetupError{Doing: "read the options", Err: err, Kind: remedy.KindOptions}
}

func table() []option.Option { return slices.Concat(option.Isolate(), option.Bubblewrap()) }

// set gives an option its effect.
func (o *options) set(name string, v []string) (err error) {
	p := &o.policy
	switch name {
	case "--help":
		return errHelp
	case "--version":
		return errVersion
	case "--mount":
		return o.mount(v[0])
	case "--tmpfs":
		p.Mounts = append(p.Mounts, isolate.Private(o.path(v[0])))
	case "--cow-dir":
		p.CowDir = o.path(v[0])
	case "--network":
		p.Network, err = isolate.ParseNetwork(v[0])
	case "--connect":
		service, err := isolate.ParseConnect(v[0])
		p.Services = append(p.Services, service)
		return err
	case "--allow-host":
		services, err := isolate.ParseAllowHost(v[0])
		p.Services = append(p.Services, services...)
		return err
	case "--device":
		p.Devices = append(p.Devices, v[0])
	case "--gpu":
		p.GPU, err = isolate.ParseGPU(v[0])
	case "--env":
		return o.setEnv(v[0])
	case "--chdir":
		p.Dir = o.path(v[0])
	case "--hostname":
		p.Hostname = v[0]
	case "--uid":
		return parseID(v[0], &p.User.UID)
	case "--gid":
		return parseID(v[0], &p.User.GID)
	case "--allow-symlinks":
		p.AllowSymlinks = true
	case "--allow-userns":
		p.AllowUserNamespaces = true
	case "--share-proc":
		p.ShareProc = true
	case "--basedir":
		p.AssembleOn = o.path(v[0])
	case "--report":
		o.report = v[0]
	case "--missed":
		p.Missed = true
	case "--dry-run":
		o.dryRun = true
	case "--explain":
		o.explain = o.path(v[0])
	case "--verbose":
		o.verbose = true
	default:
		if !slices.Contains(isolate.LimitNames(), name[2:]) {
			return o.setBubblewrap(name, v)
		}
		return p.Limits.Set(name[2:], v[0])
	}

	return err
}

// setBubblewrap gives an option of bubblewrap's its effect here.
func (o *options) setBubblewrap(name string, v []string) error {
	switch name {
	case "--bind":
		o.bind(isolate.Writable(o.path(v[0])), v[1])
	case "--bind-try":
		o.bind(isolate.Writable(o.path(v[0])).IfExists(), v[1])
	case "--ro-bind":
		o.bind(isolate.ReadOnly(o.path(v[0])), v[1])
	case "--ro-bind-try":
		o.bind(isolate.ReadOnly(o.path(v[0])).IfExists(), v[1])
	case "--setenv":
		return o.setEnv(v[0] + "=" + v[1])
	case "--unsetenv":
		o.env = append(o.env, unset(v[0]))
	case "--clearenv":
		o.env = append(o.env, clearEnv)
	case "--share-net":
		o.policy.Network = isolate.NetworkHost
	case "--proc", "--dev":
		return only("/"+name[2:], v[0])
	case "--die-with-parent":
		return dieWithParent()
	case "--new-session", "--unshare-all": // what every sandbox has
	default:
		return option.ErrNoEffect
	}
	return nil
}

func (o *options) mount(entries string) error {
	mounts, err := isolate.ParseMounts(entries, o.dir, o.policy.Home)
	o.policy.Mounts = append(o.policy.Mounts, mounts...)
	o.named = true
	return err
}

// bind is bubblewrap's SOURCE TARGET.
func (o *options) bind(m isolate.Mount, target string) {
	o.policy.Mounts = append(o.policy.Mounts, m.At(o.path(target)))
	o.named = true
}

// only accepts the one place that a file system has here.
func only(place, dir string) error {
	if filepath.Clean(dir) != place {
		return fmt.Errorf("it is at %s always", place)
	}
	return nil
}

// dieWithParent has us killed when the process dies that started us. The
// sandbox always dies with us.
func dieWithParent() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("prctl PR_SET_PDEATHSIG: %w", err)
	}
	return nil
}

// path is an absolute one.
func (o *options) path(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(o.dir, p)
}

func parseID(s string, id *int) error {
	n, err := strconv.ParseUint(s, 10, 31)
	*id = int(n)
	if err != nil {
		return errors.New("not a number of a user or group")
	}
	return nil
}

// finish puts in what the environment names and nothing on the command line.
func (o *options) finish() error {
	p := &o.policy
	if !o.named {
		entries := os.Getenv("MNTDIRS")
		if strings.TrimSpace(entries) == "" {
			entries = "."
		}
		if err := o.mount(entries); err != nil {
			return err
		}
	}

	if len(o.program) == 0 {
		o.program = []string{"/bin/sh"}
		if shell := os.Getenv("SHELL"); shell != "" {
			o.program[0] = shell
		}
	}

	var allowed []string
	if p.GPU != "" {
		allowed = isolate.GPUVariables()
	}
	p.Env = isolate.FilterEnv(os.Environ(), allowed)
	for _, change := range o.env {
		p.Env = change(p.Env)
	}
	if base := os.Getenv("MNTDIRS_BASE"); base != "" {
		var err error
		if p.Base, err = isolate.ParseMounts(base, o.dir, p.Home); err != nil {
			return err
		}
	}

	return activeenv.Show(p, o.program[0])
}

func (o *options) setEnv(entry string) error {
	name, _, given := strings.Cut(entry, "=")
	if name == "" {
		return errors.New("it begins with a variable's name")
	}
	if !given {
		value, found := os.LookupEnv(name)
		if !found {
			return nil
		}
		entry = name + "=" + value
	}
	o.env = append(o.env, func(env []string) []string { return append(unset(name)(env), entry) })
	return nil
}

func unset(name string) func([]string) []string {
	return func(env []string) []string {
		return slices.DeleteFunc(env, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
	}
}

func clearEnv([]string) []string { return []string{} }
