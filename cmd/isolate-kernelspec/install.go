package main

import (
	"context"
	"fmt"
	"os"

	"isolate-namespace/internal/rehearse"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/kernelspec"
)

type install struct {
	Names       []string `arg:"" optional:"" name:"name" kernels:"plain" help:"Installed kernels, such as python3."`
	All         bool     `help:"All kernels found that aren't isolated."`
	From        string   `placeholder:"DIR" help:"Take the base from here, if it isn't unique."`
	Default     bool     `help:"Take the kernel's own name and place; the plain kernel gets another name."`
	Name        string   `placeholder:"NAME" help:"Name of the new kernel; default NAME-isolated."`
	DisplayName string   `placeholder:"NAME" help:"Name in front ends; default NAME (isolated)."`
	User        bool     `help:"Install for this user."`
	SysPrefix   bool     `help:"Install into Jupyter's environment."`
	Prefix      string   `placeholder:"DIR" help:"Install below this directory."`
	NoDebugger  bool     `help:"Leave debugpy out: kernels start faster."`
	Sandbox     sandbox  `embed:""`
}

// Run installs, one kernel after the other, up to the first that fails. With
// --all one that fails doesn't keep the others from being installed.
func (c *install) Run(s *session) error {
	switch {
	case len(c.Names) == 0 && !c.All:
		return &kernelspec.Error{Reason: "no kernel is named", Remedy: remedy.NameKernels}
	case len(c.Names) > 0 && c.All:
		return allAndNames()
	case (len(c.Names) > 1 || c.All) && (c.Name != "" || c.DisplayName != "" || c.From != ""):
		return &kernelspec.Error{Reason: "one --name, --display-name or --from for several kernels", Remedy: remedy.InstallOneByOne}
	}
	chosen := c.Sandbox.options()
	if err := check(chosen); err != nil {
		return err
	}
	launcher, jupyter, err := findBoth()
	if err != nil {
		return err
	}
	options := kernelspec.Options{Name: c.Name, Default: c.Default, DisplayName: c.DisplayName, Launcher: launcher, NoDebugger: c.NoDebugger, Sandbox: chosen}
	s.warn(chosen)

	ctx, end := untilSignal()
	defer end(nil)
	options.Try = trier(ctx, jupyter)
	names := c.Names
	if c.All {
		names = jupyter.Names()
	}
	failed := false
	hint := courseHint()
	for _, name := range names {
		result, err := c.one(ctx, s, jupyter, name, options)
		if err != nil && (!c.All || ctx.Err() != nil) {
			return err
		}
		if err != nil {
			failed = true
			s.complain(fmt.Errorf("%s: %w", name, err))
		}
		if err == nil && hint != nil {
			s.stdout.Line("%s", hint(result.Name))
			hint = nil
		}
	}
	if failed {
		return exitStatus(1)
	}
	return nil
}

func allAndNames() error {
	return &kernelspec.Error{Reason: "--all and names at once", Remedy: remedy.ChooseOne}
}

func (c *install) one(ctx context.Context, s *session, jupyter *kernelspec.Jupyter, name string, options kernelspec.Options) (*kernelspec.Result, error) {
	var base *kernelspec.Kernel
	var err error
	if c.From != "" {
		base, err = jupyter.FindIn(c.From, name)
	} else {
		base, err = jupyter.FindPlain(name)
	}
	if err != nil {
		return nil, err
	}

	place := kernelspec.Place{User: c.User, SysPrefix: c.SysPrefix, Prefix: c.Prefix}
	result, err := kernelspec.Install(ctx, base, jupyter, options, place)
	if err != nil {
		return nil, err
	}

	s.stdout.Line("Installed kernelspec %s in %s", result.Name, result.Dir)
	s.notes(result.Notes)
	if c.Default {
		return result, isFirst(s, jupyter, result)
	}
	if first := jupyter.Before(result.Name, result.Dir); first != "" {
		s.notes([]string{fmt.Sprintf("Jupyter takes the %s in %s first; %s", result.Name, first, remedy.RemoveFirst(result.Name))})
	}
	if other := jupyter.Others(base); c.From == "" && len(other) > 0 {
		s.notes([]string{fmt.Sprintf("made of %s, not of %s; %s", base.Dir, other[0], remedy.ChooseFrom)})
	}
	return result, nil
}

// isFirst says which kernel is the plain one now. If Jupyter doesn't find the default
// twin under its name, it is an error.
func isFirst(s *session, jupyter *kernelspec.Jupyter, result *kernelspec.Result) error {
	if err := jupyter.FindsFirst(result); err != nil {
		return err
	}
	s.stdout.Line("The plain kernel is %s", result.Plain)
	return nil
}

// courseHint returns what a person should know of a new twin if this is a course of
// nbgrader; otherwise nil.
func courseHint() func(twin string) string {
	dir, err := os.Getwd()
	if err != nil {
		return nil
	}
	assignment := rehearse.Assignment(dir)
	if assignment == "" {
		return nil
	}
	return func(twin string) string {
		return "Before you grade: " + remedy.Rehearse(twin, assignment)
	}
}
