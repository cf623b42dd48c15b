package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"isolate-namespace/kernelspec"
)

// commands are the command line, in the words of kong.
type commands struct {
	Install install `cmd:"" help:"Make an isolated twin of installed kernels."`
}

type install struct {
	Names       []string `arg:"" name:"name" help:"Installed kernels, such as python3."`
	Name        string   `help:"Name of the new kernel. Default: the base's with -isolated."`
	DisplayName string   `help:"Name that front ends show. Default: the base's with (isolated)."`
	User        bool     `help:"Install for this user."`
	SysPrefix   bool     `help:"Install into the environment that Jupyter runs in."`
	Prefix      string   `help:"Install below this directory."`
	Network     string   `help:"Network of the kernel: none, or host, which shows it every service on this machine's loopback interface." enum:",none,host" default:""`
	Mount       []string `short:"m" sep:"none" help:"What the kernel sees besides its working directory: [ro:|try:|cow:]PATH, TARGET=SOURCE, PATH=none."`
	Env         []string `sep:"none" help:"Let a variable in, or set it: NAME or NAME=VALUE."`
}

// run is the whole command: arguments in, exit status out.
func run(args []string, stdout, stderr io.Writer) int {
	var c commands
	exit := -1
	parser, err := kong.New(&c, kong.Name("isolate-kernelspec"), kong.Writers(stdout, stderr),
		kong.Description("Isolated twins of installed Jupyter kernels."),
		kong.BindTo(stdout, (*io.Writer)(nil)), kong.Exit(func(status int) { exit = status }))
	if err != nil {
		return complain(stderr, err)
	}
	context, err := parser.Parse(args)
	if exit >= 0 { // help was asked for and given
		return exit
	}
	if err != nil {
		return complain(stderr, &kernelspec.Error{Reason: err.Error(), Remedy: "isolate-kernelspec --help lists what there is"})
	}
	if err := context.Run(stdout); err != nil {
		return complain(stderr, err)
	}
	return 0
}

// Run installs, one kernel after the other, up to the first that fails.
func (c *install) Run(stdout io.Writer) error {
	if len(c.Names) > 1 && (c.Name != "" || c.DisplayName != "") {
		return &kernelspec.Error{Reason: "one --name for several kernels", Remedy: "install them one by one"}
	}
	launcher, err := findLauncher()
	if err != nil {
		return err
	}
	jupyter, err := kernelspec.FindJupyter()
	if err != nil {
		return err
	}
	for _, name := range c.Names {
		base, err := jupyter.Find(name)
		if err != nil {
			return err
		}
		options := kernelspec.Options{Name: c.Name, DisplayName: c.DisplayName, Launcher: launcher, Network: c.Network, Mounts: c.Mount, Env: c.Env}
		place := kernelspec.Place{User: c.User, SysPrefix: c.SysPrefix, Prefix: c.Prefix}
		installed, dir, err := kernelspec.Install(base, jupyter, options, place)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "Installed kernelspec %s in %s\n", installed, dir)
	}
	return nil
}

// findLauncher is isolate-kernel beside this command. The path is the one that
// this command was found by: a link that an upgrade moves stays good.
func findLauncher() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(self), "isolate-kernel")
	if info, err := os.Stat(path); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return "", &kernelspec.Error{Reason: path + " is not there or can't be executed", Remedy: "install the three commands together: scripts/build"}
	}
	return path, nil
}

// complain says what can't be done: the reason first, then the remedy.
func complain(stderr io.Writer, err error) int {
	line := "isolate-kernelspec: " + err.Error()
	if remedy := kernelspec.Remedy(err); remedy != "" {
		line += "; " + remedy
	}
	fmt.Fprintln(stderr, line)
	return 1
}
