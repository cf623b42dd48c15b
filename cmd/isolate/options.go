package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate"
)

const usage = `Usage: isolate [OPTIONS] [--] [PROGRAM [ARG...]]

Run PROGRAM, or a shell, so that it sees only the directories you name.

  -m, --mount ENTRIES   what the program sees; default $MNTDIRS, or "."
                        [ro:|try:|cow:]PATH, TARGET=SOURCE, PATH=none
      --network MODE    none (default) or host, which shares every service on
                        this machine's loopback interface and abstract sockets
      --env NAME[=VALUE]  let a variable in, or set it
      --chdir DIR       working directory inside
      --hostname NAME   host name inside
      --uid N, --gid N  who the program takes itself for
      --tmp-size SIZE   most that HOME, /tmp, /var/tmp and /dev/shm hold (64M, 2G)
      --allow-userns    let the program make user namespaces, another isolate say
  -b, --basedir DIR     assemble the new root on DIR; default $NI_BASEDIR, or none
  -v, --verbose         list the mounts on stderr first; as does $VERBOSE
  -h, --help            this text

Exit status: the program's own; 128+N when signal N ended it; 125 when there
is no sandbox, 126 and 127 when PROGRAM can't be executed or isn't there.
$MNTDIRS_BASE replaces the base system (/usr, parts of /etc).
`

var errHelp = errors.New("help")

// options are what the command line and the environment say.
type options struct {
	mounts   list
	network  string
	env      list
	chdir    string
	hostname string
	uid, gid int
	tmpSize  string
	userns   bool
	baseDir  string
	verbose  bool
	program  []string
}

// A list is an option that may be given more than once.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func parseOptions(args []string) (*options, error) {
	o := &options{baseDir: os.Getenv("NI_BASEDIR"), verbose: os.Getenv("VERBOSE") != ""}
	flags := flag.NewFlagSet("isolate", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for _, name := range []string{"m", "mount", "mnt"} {
		flags.Var(&o.mounts, name, "")
	}
	flags.StringVar(&o.network, "network", "none", "")
	flags.Var(&o.env, "env", "")
	flags.StringVar(&o.chdir, "chdir", "", "")
	flags.StringVar(&o.hostname, "hostname", "", "")
	flags.IntVar(&o.uid, "uid", os.Geteuid(), "")
	flags.IntVar(&o.gid, "gid", os.Getegid(), "")
	flags.StringVar(&o.tmpSize, "tmp-size", "", "")
	flags.BoolVar(&o.userns, "allow-userns", false, "")
	for _, name := range []string{"b", "basedir"} {
		flags.StringVar(&o.baseDir, name, o.baseDir, "")
	}
	for _, name := range []string{"v", "verbose"} {
		flags.BoolVar(&o.verbose, name, o.verbose, "")
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, errHelp
	} else if err != nil {
		return nil, misuse(err)
	}
	o.program = flags.Args()
	if len(o.program) == 0 {
		shell := os.Getenv("SHELL")
		if shell == "" {
			shell = "/bin/sh"
		}
		o.program = []string{shell}
	}
	return o, nil
}

func misuse(err error) error {
	return &isolate.SetupError{Doing: "read the options", Err: err, Remedy: "isolate --help lists them"}
}

// policy is what the options mean.
func (o *options) policy() (isolate.Policy, error) {
	p := isolate.Policy{
		Hostname: o.hostname, BaseDir: o.baseDir, UserNamespaces: o.userns,
		User: &isolate.User{UID: o.uid, GID: o.gid},
		Home: isolate.HomeDir(),
	}
	switch o.network {
	case "none":
	case "host":
		p.Network = isolate.NetworkHost
	default:
		return p, misuse(fmt.Errorf("--network %s: it is none or host", o.network))
	}
	var err error
	if p.TmpSize, err = parseSize(o.tmpSize); err != nil {
		return p, misuse(fmt.Errorf("--tmp-size %s: %w", o.tmpSize, err))
	}
	p.Env = environ(o.env)
	dir, err := unix.Getwd()
	if err != nil {
		return p, &isolate.SetupError{Doing: "find the working directory", Err: err, Remedy: "change to a directory that exists"}
	}
	if p.Dir = dir; o.chdir != "" {
		p.Dir = filepath.Join(dir, o.chdir)
		if filepath.IsAbs(o.chdir) {
			p.Dir = filepath.Clean(o.chdir)
		}
	}
	return p, o.setMounts(&p, dir)
}

func (o *options) setMounts(p *isolate.Policy, dir string) (err error) {
	entries, named := os.LookupEnv("MNTDIRS")
	if len(o.mounts) > 0 {
		entries, named = o.mounts.String(), true
	}
	if !named || strings.TrimSpace(entries) == "" {
		entries = "."
	}
	if p.Mounts, err = isolate.ParseMounts(entries, dir, p.Home); err != nil {
		return err
	}
	if err := isolate.CheckHome(p.Mounts, p.Home); err != nil {
		return err
	}
	if base := os.Getenv("MNTDIRS_BASE"); base != "" {
		p.Base, err = isolate.ParseMounts(base, dir, p.Home)
	}
	return err
}

// environ is the filtered environment with the --env options applied.
func environ(options list) []string {
	var allow, set []string
	for _, o := range options {
		if name, _, ok := strings.Cut(o, "="); ok {
			set = append(set, o)
		} else {
			allow = append(allow, name)
		}
	}
	return append(isolate.FilterEnv(os.Environ(), allow), set...)
}

// parseSize reads a number of bytes with an optional K, M, G or T, of 1024.
func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	unit := int64(1)
	if i := strings.IndexByte("KMGT", s[len(s)-1]&^0x20); i >= 0 {
		unit, s = 1<<(10*(i+1)), s[:len(s)-1]
	}
	var n int64
	if _, err := fmt.Sscanf(s+" ", "%d ", &n); err != nil || n <= 0 || n > (1<<62)/unit {
		return 0, errors.New("not a size such as 64M")
	}
	return n * unit, nil
}
