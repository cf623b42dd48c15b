package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"isolate-namespace/internal/jupyter"
	"isolate-namespace/isolate"
	"isolate-namespace/kernelspec"
	"isolate-namespace/launcher"
)

type list struct {
	JSON bool `name:"json" help:"For programs; the shape is in share/commands.schema.json."`
}

// Run prints a table of the isolated kernels.
func (c *list) Run(s *session) error {
	jupyter, err := kernelspec.FindJupyter()
	if err != nil {
		return err
	}
	all := jupyter.Twins()
	if c.JSON {
		return s.json(map[string]any{"kernels": append([]*kernelspec.Twin{}, all...)})
	}
	if len(all) == 0 {
		fmt.Fprintln(s.stdout, "No isolated kernels. isolate-kernelspec install NAME makes one.")
		return nil
	}
	table := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tBASE\tLANGUAGE\tNETWORK\tLIMITS\tSTATE\tPLACE")
	for _, twin := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", twin.Name, twin.Base, twin.Language, twin.Network, limits(twin), twin.State, twin.Dir)
	}
	return table.Flush()
}

func limits(twin *kernelspec.Twin) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(twin.Limits)) {
		all = append(all, name+" "+twin.Limits[name])
	}
	if all == nil {
		return "default"
	}
	return strings.Join(all, ", ")
}

type show struct {
	Name string `arg:"" kernels:"isolated" help:"An isolated kernel."`
	JSON bool   `name:"json" help:"For programs; the shape is in share/commands.schema.json."`
}

// Run says what a kernel that is started in this directory would see.
func (c *show) Run(s *session) error {
	installation, err := kernelspec.FindJupyter()
	if err != nil {
		return err
	}
	twin, err := installation.FindTwin(c.Name)
	if err != nil {
		return err
	}
	for name, value := range twin.Spec.Expanded() { // as Jupyter would hand it to the launcher
		os.Setenv(name, value)
	}
	connection := filepath.Join(jupyter.RuntimeDir(isolate.HomeDir()), "kernel.json")
	policy, err := launcher.Policy(twin.Spec.Argv()[1:], connection)
	if err != nil {
		return err
	}
	if c.JSON {
		tree, err := policy.Tree()
		if err != nil {
			return err
		}
		return s.json(map[string]any{"kernel": twin, "argv": twin.Spec.Argv(), "env": twin.Spec.Env(), "files": tree})
	}
	text, err := policy.Describe()
	if err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "%s, %q, in %s\nmade of %s in %s: %s\n\n", twin.Name, twin.Display, twin.Dir, twin.Base, twin.BaseDir, twin.State)
	fmt.Fprintf(s.stdout, "A kernel of a notebook in this directory sees the following.\n\n%s\n", text)
	fmt.Fprintln(s.stdout, "Refused: every other file, process and variable; new privileges and namespaces;\nsystem calls that a kernel has no use for.")
	return nil
}

type update struct {
	Names []string `arg:"" optional:"" name:"name" kernels:"isolated" help:"Isolated kernels."`
	All   bool     `help:"All of them."`
}

// Run updates, one kernel after the other; one that fails doesn't keep the
// others from being updated.
func (c *update) Run(s *session) error {
	switch {
	case len(c.Names) == 0 && !c.All:
		return &kernelspec.Error{Reason: "no kernel is named", Remedy: "name some, or use --all; isolate-kernelspec list has them"}
	case len(c.Names) > 0 && c.All:
		return allAndNames()
	}
	launcher, err := findLauncher()
	if err != nil {
		return err
	}
	jupyter, err := kernelspec.FindJupyter()
	if err != nil {
		return err
	}
	all, err := chosen(jupyter, c.Names)
	if err != nil {
		return err
	}
	failed := false
	for _, twin := range all {
		result, err := kernelspec.Update(twin, jupyter, launcher)
		if err != nil {
			failed = true
			complain(s.stderr, fmt.Errorf("%s: %w", twin.Name, err))
			continue
		}
		fmt.Fprintf(s.stdout, "Updated kernelspec %s in %s\n", result.Name, result.Dir)
		s.notes(result.Notes)
	}
	if failed {
		return exitStatus(1)
	}
	return nil
}

// chosen are the isolated kernels of the names, or all when there are none.
func chosen(jupyter *kernelspec.Jupyter, names []string) ([]*kernelspec.Twin, error) {
	if len(names) == 0 {
		return jupyter.Twins(), nil
	}
	var all []*kernelspec.Twin
	for _, name := range names {
		twin, err := jupyter.FindTwin(name)
		if err != nil {
			return nil, err
		}
		all = append(all, twin)
	}
	return all, nil
}

type remove struct {
	Names []string `arg:"" name:"name" kernels:"isolated" help:"Isolated kernels."`
}

// Run removes, after seeing that each name is an isolated kernel's.
func (c *remove) Run(s *session) error {
	jupyter, err := kernelspec.FindJupyter()
	if err != nil {
		return err
	}
	all, err := chosen(jupyter, c.Names)
	if err != nil {
		return err
	}
	for _, twin := range all {
		if err := kernelspec.Remove(twin); err != nil {
			return err
		}
		fmt.Fprintf(s.stdout, "Removed %s\n", twin.Dir)
		if other := jupyter.Others(&kernelspec.Kernel{Name: twin.Name, Dir: twin.Dir}); len(other) > 0 {
			s.notes([]string{fmt.Sprintf("there is another %s in %s", twin.Name, other[0])})
		}
	}
	return nil
}
