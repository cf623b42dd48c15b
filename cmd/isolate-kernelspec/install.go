package main

import (
	"context"
	"fmt"

	"isolate-namespace/kernelspec"
	"isolate-namespace/launcher"
)

type install struct {
	Names       []string `arg:"" optional:"" name:"name" kernels:"plain" help:"Installed kernels, such as python3."`
	All         bool     `help:"All kernels that Jupyter finds and that aren't isolated."`
	From        string   `placeholder:"DIR" help:"Take the base from here, if several have its name."`
	Name        string   `placeholder:"NAME" help:"Name of the new kernel; default NAME-isolated."`
	DisplayName string   `placeholder:"NAME" help:"Name that front ends show; default: the base's with (isolated)."`
	User        bool     `help:"Install for this user."`
	SysPrefix   bool     `help:"Install into the environment that Jupyter runs in."`
	Prefix      string   `placeholder:"DIR" help:"Install below this directory."`
	Sandbox     sandbox  `embed:""`
}

// sandbox are the options that land in the isolated spec.
type sandbox struct {
	Network           string   `placeholder:"MODE" help:"Network: none (default), or host, with every service on this machine's loopback interface." enum:",none,host" default:""`
	Mount             []string `short:"m" sep:"none" placeholder:"ENTRIES" help:"What the kernel sees besides its working directory: [ro:|try:|cow:]PATH, TARGET=SOURCE, PATH=none."`
	Env               []string `sep:"none" placeholder:"NAME[=VALUE]" help:"Let a variable in, or set it."`
	Memory            string   `placeholder:"SIZE|none" help:"The most memory, such as 2G."`
	Pids              string   `placeholder:"N|none" help:"The most processes and threads, by default 4096."`
	Cpus              string   `placeholder:"N" help:"The most processors, such as 0.5."`
	Time              string   `placeholder:"T" help:"End the kernel after such a time: 90s or 1h30m."`
	CPUTime           string   `name:"cpu-time" placeholder:"T" help:"End the kernel after this much computing."`
	FileSize          string   `placeholder:"SIZE" help:"The largest file."`
	TmpSize           string   `placeholder:"SIZE|none" help:"The most in HOME, /tmp and other private directories, by default a quarter of the memory."`
	Inotify           string   `placeholder:"N|none" help:"The most inotify instances."`
	Watches           string   `placeholder:"N|none" help:"The most inotify watches."`
	LogSize           string   `placeholder:"SIZE|none" help:"The most output in the log, by default 16M."`
	WritableNotebooks bool     `help:"Let the kernel change the notebooks in its working directory."`
	AllowSymlinks     bool     `help:"Let the kernel make symbolic links, sockets and fifos in directories that it shares."`
}

// launch are the options that only the launcher understands.
func (b *sandbox) launch() []string {
	var args []string
	for _, o := range []struct{ name, value string }{
		{"memory", b.Memory}, {"pids", b.Pids}, {"cpus", b.Cpus}, {"time", b.Time},
		{"cpu-time", b.CPUTime}, {"file-size", b.FileSize}, {"tmp-size", b.TmpSize},
		{"inotify", b.Inotify}, {"watches", b.Watches}, {"log-size", b.LogSize},
	} {
		if o.value != "" {
			args = append(args, "--"+o.name, o.value)
		}
	}
	if b.WritableNotebooks {
		args = append(args, "--writable-notebooks")
	}
	if b.AllowSymlinks {
		args = append(args, "--allow-symlinks")
	}
	return args
}

func (b *sandbox) check() error {
	args := b.launch()
	for _, entries := range b.Mount {
		args = append(args, "--mount", entries)
	}
	for _, env := range b.Env {
		args = append(args, "--env", env)
	}
	if err := launcher.CheckOptions(args); err != nil {
		return err
	}
	for _, arg := range args {
		for _, c := range arg {
			if c == '{' || c == '}' {
				return &kernelspec.Error{Reason: fmt.Sprintf("%q has a brace, which front ends take for a placeholder", arg), Remedy: "use a name without braces"}
			}
		}
	}
	return nil
}

// Run installs, one kernel after the other, up to the first that fails. With
// --all one that fails doesn't keep the others from being installed.
func (c *install) Run(s *session) error {
	switch {
	case len(c.Names) == 0 && !c.All:
		return &kernelspec.Error{Reason: "no kernel is named", Remedy: "name some, or use --all; jupyter kernelspec list has them"}
	case len(c.Names) > 0 && c.All:
		return allAndNames()
	case (len(c.Names) > 1 || c.All) && (c.Name != "" || c.DisplayName != "" || c.From != ""):
		return &kernelspec.Error{Reason: "one --name, --display-name or --from for several kernels", Remedy: "install them one by one"}
	}
	if err := c.Sandbox.check(); err != nil {
		return err
	}
	launcher, err := findLauncher()
	if err != nil {
		return err
	}
	jupyter, err := kernelspec.FindJupyter()
	if err != nil {
		return err
	}
	options := kernelspec.Options{
		Name: c.Name, DisplayName: c.DisplayName, Launcher: launcher,
		Network: c.Sandbox.Network, Mounts: c.Sandbox.Mount, Env: c.Sandbox.Env, Launch: c.Sandbox.launch(),
	}
	if options.Network == "host" {
		s.notes([]string{"--network host shows the kernel every service on this machine's loopback interface, the Jupyter server and other kernels' output among them"})
	}

	ctx, end := untilSignal()
	defer end(nil)
	options.Try = trier(ctx, jupyter)
	names := c.Names
	if c.All {
		names = jupyter.Names()
	}
	failed := false
	for _, name := range names {
		err := c.one(ctx, s, jupyter, name, options)
		if err != nil && (!c.All || ctx.Err() != nil) {
			return err
		}
		if err != nil {
			failed = true
			s.complain(fmt.Errorf("%s: %w", name, err))
		}
	}
	if failed {
		return exitStatus(1)
	}
	return nil
}

func allAndNames() error {
	return &kernelspec.Error{Reason: "--all and names at once", Remedy: "choose one"}
}

func (c *install) one(ctx context.Context, s *session, jupyter *kernelspec.Jupyter, name string, options kernelspec.Options) error {
	var base *kernelspec.Kernel
	var err error
	if c.From != "" {
		base, err = jupyter.FindIn(c.From, name)
	} else {
		base, err = jupyter.Find(name)
	}
	if err != nil {
		return err
	}
	place := kernelspec.Place{User: c.User, SysPrefix: c.SysPrefix, Prefix: c.Prefix}
	result, err := kernelspec.Install(ctx, base, jupyter, options, place)
	if err != nil {
		return err
	}
	s.stdout.Line("Installed kernelspec %s in %s", result.Name, result.Dir)
	s.notes(result.Notes)
	if other := jupyter.Others(base); c.From == "" && len(other) > 0 {
		s.notes([]string{fmt.Sprintf("made of %s, not of %s; --from chooses", base.Dir, other[0])})
	}
	return nil
}
