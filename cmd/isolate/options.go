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
	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

const usage = `Usage: isolate [OPTIONS] [--] [PROGRAM [ARG...]]

Run PROGRAM, or a shell, so that it sees only the directories you name.

  -m, --mount ENTRIES    what it sees; default $MNTDIRS, or "."
                         [ro:|try:|cow:]PATH, TARGET=SOURCE, PATH=none
      --tmpfs DIR        an empty directory of its own
      --cow-dir DIR      keep what it changes in cow: mounts below DIR
      --network MODE     none (default) or host, which shares every service on
                         this machine's loopback interface and abstract sockets
      --env NAME[=VALUE] let a variable in, or set it
      --chdir DIR        working directory inside
      --hostname NAME, --uid N, --gid N   who and where it takes itself for
      --allow-symlinks   let it make links, sockets, fifos in shared directories
      --allow-userns     let it make user namespaces, as isolate does; and links
  -b, --basedir DIR      assemble the new root on DIR; default $NI_BASEDIR

Limits, each of which none lifts:
      --memory SIZE, --pids N, --cpus N     of all its processes together;
                                            --pids is 4096 by default
      --time T, --cpu-time T                90, 90s or 1h30m
      --file-size SIZE, --tmp-size SIZE     of a file; of HOME and /tmp as one,
                                            a quarter of the memory by default
      --inotify N, --watches N              inotify instances and watches, half of
                                            the user's by default

      --report FILE      write at the end how it ended and what it used, in JSON
      --dry-run          say what it would see, and run nothing
      --explain PATH     say whether it would see PATH, and run nothing
  -v, --verbose          say first what it sees; as does $VERBOSE

bubblewrap's --bind, --ro-bind, --setenv, --unsetenv, --clearenv, --share-net,
--unshare-*, --proc, --dev, --die-with-parent, --new-session mean what they mean
there.

Exit status: PROGRAM's own, and its own signal when one ended it; 125 when there
is no sandbox, 126 and 127 when PROGRAM can't be executed or isn't there.
`

var errHelp = errors.New("help")

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

// An option takes some values from the command line.
type option struct {
	values int
	set    func(o *options, v []string) error
}

// parseOptions reads the command line into a policy. Options end with "--" or
// with the first word that doesn't begin with a dash.
func parseOptions(args []string) (*options, error) {
	dir, err := unix.Getwd() // not os.Getwd, which believes $PWD
	if err != nil || !filepath.IsAbs(dir) {
		return nil, &isolate.SetupError{Doing: "find the working directory", Err: unix.ENOENT,
			Kind: isolate.KindDirDeleted}
	}
	o := &options{dir: dir, verbose: os.Getenv("VERBOSE") != ""}
	o.policy = isolate.Policy{
		Dir: dir, Home: isolate.HomeDir(),
		User: &isolate.User{UID: os.Geteuid(), GID: os.Getegid()},
	}
	if base := os.Getenv("NI_BASEDIR"); base != "" {
		o.policy.BaseDir = o.path(base)
	}
	table := optionTable()
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		name, value, joined := strings.Cut(args[0], "=")
		args = args[1:]
		if name == "--" {
			break
		}
		opt, known := table[name]
		switch {
		case !known:
			return nil, misuse(fmt.Errorf("no option %s", name))
		case joined && opt.values == 1:
			args = slices.Concat([]string{value}, args)
		case joined:
			return nil, misuse(fmt.Errorf("%s takes %d values, after it", name, opt.values))
		}
		if len(args) < opt.values {
			return nil, misuse(fmt.Errorf("%s needs a value", name))
		}
		if err := opt.set(o, args[:opt.values]); err != nil {
			var setup *isolate.SetupError
			if err == errHelp || errors.As(err, &setup) {
				return nil, err
			}
			return nil, misuse(fmt.Errorf("%s %s: %w", name, strings.Join(args[:opt.values], " "), err))
		}
		args = args[opt.values:]
	}
	o.program = args
	return o, o.finish()
}

func misuse(err error) error {
	return &isolate.SetupError{Doing: "read the options", Err: err, Kind: remedy.KindOptions}
}

// optionTable is every option by its name.
func optionTable() map[string]option {
	nothing := func(*options, []string) error { return nil }
	t := map[string]option{
		"--network":        {1, (*options).setNetwork},
		"--share-net":      {0, func(o *options, _ []string) error { return o.setNetwork([]string{"host"}) }},
		"--env":            {1, (*options).setEnv},
		"--setenv":         {2, func(o *options, v []string) error { return o.setEnv([]string{v[0] + "=" + v[1]}) }},
		"--unsetenv":       {1, func(o *options, v []string) error { o.env = append(o.env, unset(v[0])); return nil }},
		"--clearenv":       {0, func(o *options, _ []string) error { o.env = append(o.env, clearEnv); return nil }},
		"--chdir":          {1, func(o *options, v []string) error { o.policy.Dir = o.path(v[0]); return nil }},
		"--hostname":       {1, func(o *options, v []string) error { o.policy.Hostname = v[0]; return nil }},
		"--uid":            {1, func(o *options, v []string) error { return parseID(v[0], &o.policy.User.UID) }},
		"--gid":            {1, func(o *options, v []string) error { return parseID(v[0], &o.policy.User.GID) }},
		"--cow-dir":        {1, func(o *options, v []string) error { o.policy.CowDir = o.path(v[0]); return nil }},
		"--allow-symlinks": {0, func(o *options, _ []string) error { o.policy.AllowSymlinks = true; return nil }},
		"--allow-userns":   {0, func(o *options, _ []string) error { o.policy.UserNamespaces = true; return nil }},
		"--report":         {1, func(o *options, v []string) error { o.report = v[0]; return nil }},
		"--explain":        {1, func(o *options, v []string) error { o.explain = o.path(v[0]); return nil }},
		"--dry-run":        {0, func(o *options, _ []string) error { o.dryRun = true; return nil }},

		"--die-with-parent": {0, dieWithParent},

		"--bind":        {2, bind(isolate.Mount{})},
		"--bind-try":    {2, bind(isolate.Mount{Optional: true})},
		"--ro-bind":     {2, bind(isolate.Mount{Access: isolate.ReadOnly})},
		"--ro-bind-try": {2, bind(isolate.Mount{Access: isolate.ReadOnly, Optional: true})},

		// What every sandbox has.
		"--new-session": {0, nothing}, "--disable-userns": {0, nothing},
		"--proc": {1, only("/proc")}, "--dev": {1, only("/dev")},
	}
	for _, kind := range []string{"all", "user", "user-try", "ipc", "pid", "net", "uts", "cgroup", "cgroup-try"} {
		t["--unshare-"+kind] = option{0, nothing}
	}
	for _, name := range isolate.LimitNames() {
		t["--"+name] = option{1, func(o *options, v []string) error { return o.policy.Limits.Set(name, v[0]) }}
	}
	for names, opt := range map[[3]string]option{
		{"-m", "--mount", "--mnt"}: {1, (*options).mount},
		{"--tmpfs", "--dir"}:       {1, (*options).private},
		{"-b", "--basedir"}:        {1, func(o *options, v []string) error { o.policy.BaseDir = o.path(v[0]); return nil }},
		{"-v", "--verbose"}:        {0, func(o *options, _ []string) error { o.verbose = true; return nil }},
		{"-h", "--help"}:           {0, func(*options, []string) error { return errHelp }},
	} {
		for _, name := range names {
			t[name] = opt
		}
	}
	delete(t, "")
	return t
}

func (o *options) setNetwork(v []string) error {
	modes := map[string]isolate.Network{"none": isolate.NetworkNone, "host": isolate.NetworkHost}
	mode, ok := modes[v[0]]
	if !ok {
		return errors.New("it is none or host")
	}
	o.policy.Network = mode
	return nil
}

func (o *options) mount(v []string) error {
	mounts, err := isolate.ParseMounts(v[0], o.dir, o.policy.Home)
	o.policy.Mounts = append(o.policy.Mounts, mounts...)
	o.named = true
	return err
}

// bind is bubblewrap's SOURCE TARGET.
func bind(m isolate.Mount) func(o *options, v []string) error {
	return func(o *options, v []string) error {
		m.Source, m.Target = o.path(v[0]), o.path(v[1])
		o.policy.Mounts = append(o.policy.Mounts, m)
		o.named = true
		return nil
	}
}

func (o *options) private(v []string) error {
	o.policy.Mounts = append(o.policy.Mounts, isolate.Mount{Target: o.path(v[0]), Access: isolate.Private})
	return nil
}

// only accepts the one place that a file system has here.
func only(place string) func(o *options, v []string) error {
	return func(_ *options, v []string) error {
		if filepath.Clean(v[0]) != place {
			return fmt.Errorf("it is at %s always", place)
		}
		return nil
	}
}

// dieWithParent has us killed when the process dies that started us. The
// sandbox always dies with us.
func dieWithParent(*options, []string) error {
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
		if err := o.mount([]string{entries}); err != nil {
			return err
		}
	}
	if len(o.program) == 0 {
		o.program = []string{"/bin/sh"}
		if shell := os.Getenv("SHELL"); shell != "" {
			o.program[0] = shell
		}
	}
	p.Env = isolate.FilterEnv(os.Environ(), nil)
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

func (o *options) setEnv(v []string) error {
	name, _, given := strings.Cut(v[0], "=")
	if name == "" {
		return errors.New("it begins with a variable's name")
	}
	entry := v[0]
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
