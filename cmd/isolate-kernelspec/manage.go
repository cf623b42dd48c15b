package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/jupyter"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
	"isolate-namespace/kernelspec"
	"isolate-namespace/launcher"
)

type list struct {
	JSON bool `name:"json" help:"For programs; the shape is in share/commands.schema.json."`
}

// Run prints a table of the twins.
func (c *list) Run(s *session) error {
	jupyter, err := findJupyter()
	if err != nil {
		return err
	}
	all := jupyter.Twins()
	jupyter.Inspect(all...)
	if c.JSON {
		return s.json(map[string]any{"kernels": append([]*kernelspec.Twin{}, all...)})
	}
	if len(all) == 0 {
		s.stdout.Line("No twins. %s.", remedy.MakeTwin)
		return nil
	}

	table := s.stdout.Table()
	haveDevices := slices.ContainsFunc(all, func(t *kernelspec.Twin) bool { return len(t.Devices)+len(t.GPUs()) > 0 })
	lackDebuggers := slices.ContainsFunc(all, func(t *kernelspec.Twin) bool { return t.NoDebugger })
	row := func(devices, debugger string, cells ...string) {
		if lackDebuggers {
			cells = slices.Insert(cells, 4, debugger)
		}
		if haveDevices {
			cells = slices.Insert(cells, 4, devices)
		}
		table.Row(cells...)
	}
	row("DEVICES", "DEBUGGER", "NAME", "BASE", "LANGUAGE", "NETWORK", "LIMITS", "STATE", "PLACE")
	for _, twin := range all {
		row(cmp.Or(strings.Join(given(twin), ", "), "none"), debugger(twin),
			twin.Name, twin.Base, twin.Language, network(twin), limits(twin), string(twin.State), twin.Dir)
	}
	table.End()
	for _, twin := range all {
		s.amiss(jupyter, twin)
	}
	return nil
}

// amiss says what is amiss with a twin, if anything is.
func (s *session) amiss(jupyter *kernelspec.Jupyter, twin *kernelspec.Twin) {
	if detail, help := jupyter.Explain(twin); twin.State != kernelspec.OK {
		s.notes([]string{fmt.Sprintf("%s: %s; %s", twin.Name, detail, help)})
	}
}

// network names what a twin reaches.
func network(twin *kernelspec.Twin) string {
	if len(twin.Reaches) > 0 {
		return strings.Join(twin.Reaches, ", ")
	}
	return twin.Network
}

// reaches says what it means that a kernel reaches something.
func reaches(services []string) []string {
	if len(services) == 0 {
		return nil
	}
	return []string{"the kernel reaches " + strings.Join(services, ", ") + ", and can send whatever it can read there"}
}

// opens says what it means that a kernel has devices.
func opens(devices, gpus []string) (notes []string) {
	if len(gpus) > 0 {
		notes = []string{"the kernel can compute on " + gpuWords(gpus[len(gpus)-1]) + ", and ask NVIDIA's, AMD's or WSL's driver in this machine's kernel whatever you can"}
	}
	if len(devices) == 0 {
		return notes
	}
	return append(notes, "the kernel can open "+strings.Join(devices, ", ")+", and do with it what its driver lets you do")
}

// given names the devices that a twin has.
func given(twin *kernelspec.Twin) []string {
	devices := slices.Clone(twin.Devices)
	for _, gpu := range twin.GPUs() {
		devices = append(devices, gpuWords(gpu))
	}
	return devices
}

func debugger(twin *kernelspec.Twin) string {
	if twin.NoDebugger {
		return "left out"
	}
	return "its base's"
}

func gpuWords(gpu string) string {
	if gpu == "all" {
		return "all GPUs"
	}
	return "GPU " + strings.ReplaceAll(gpu, ",", ", ")
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
	Name string `arg:"" kernels:"isolated" help:"A twin."`
	JSON bool   `name:"json" help:"For programs; the shape is in share/commands.schema.json."`
}

// Run says what a kernel that is started in this directory would see.
func (c *show) Run(s *session) error {
	installation, err := findJupyter()
	if err != nil {
		return err
	}
	twin, err := installation.FindTwin(c.Name)
	if err != nil {
		return err
	}

	installation.Inspect(twin)
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

	description, err := policy.Describe()
	if err != nil {
		return err
	}
	s.stdout.Line("%s, %q, in %s", twin.Name, twin.Display, twin.Dir)
	s.stdout.Line("made of %s in %s: %s", twin.Base, twin.BaseDir, twin.State)
	if twin.Plain != "" {
		s.stdout.Line("in the place of %s; the plain kernel is %s", twin.Base, twin.Plain)
	}
	if twin.NoDebugger {
		s.stdout.Line("without a debugger, by --no-debugger")
	}
	sees := "A kernel of a notebook in this directory sees the following."
	if twin.State == kernelspec.AnotherLauncher || twin.State == kernelspec.PlainFirst {
		sees = "After an update a kernel of a notebook in this directory would see the following."
	}
	s.stdout.Lines("\n" + sees + "\n\n" + description +
		"\nRefused: every other file, process and variable; new privileges and namespaces;\nsystem calls that a kernel has no use for.\n")
	s.amiss(installation, twin)
	return nil
}

type update struct {
	Names      []string `arg:"" optional:"" name:"name" kernels:"isolated" help:"Twins."`
	All        bool     `help:"All of them."`
	NoDebugger bool     `help:"Leave debugpy out: kernels start faster."`
	Sandbox    sandbox  `embed:""`
}

// Run updates, one kernel after the other; one that fails doesn't keep the
// others from being updated.
func (c *update) Run(s *session) error {
	switch {
	case len(c.Names) == 0 && !c.All:
		return &kernelspec.Error{Reason: "no kernel is named", Remedy: remedy.NameTwins}
	case len(c.Names) > 0 && c.All:
		return allAndNames()
	}
	added := c.Sandbox.options()
	if err := check(added); err != nil {
		return err
	}
	s.warn(added)
	launcher, jupyter, err := findBoth()
	if err != nil {
		return err
	}
	all, err := chosen(jupyter, c.Names)
	if err != nil {
		return err
	}

	ctx, end := untilSignal()
	defer end(nil)
	options := kernelspec.Options{Launcher: launcher, NoDebugger: c.NoDebugger, Sandbox: added, Try: trier(ctx, jupyter)}
	failed := false
	for _, twin := range all {
		result, err := kernelspec.Update(ctx, twin, jupyter, options)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			failed = true
			s.complain(fmt.Errorf("%s: %w", twin.Name, err))
			continue
		}
		s.stdout.Line("Updated kernelspec %s in %s", result.Name, result.Dir)
		s.notes(slices.Concat(result.Notes, reaches(twin.Reaches), opens(twin.Devices, twin.GPUs())))
	}
	if failed {
		return exitStatus(1)
	}
	return nil
}

// chosen returns the twins of the names, or all when there are none.
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
	Names []string `arg:"" name:"name" kernels:"isolated" help:"Twins."`
}

// Run removes, after seeing that each name is a twin's.
func (c *remove) Run(s *session) error {
	jupyter, err := findJupyter()
	if err != nil {
		return err
	}
	all, err := chosen(jupyter, c.Names)
	if err != nil {
		return err
	}

	ctx, end := untilSignal() // between two kernels, so that none is removed by half
	defer end(nil)
	for _, twin := range all {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := kernelspec.Remove(twin); err != nil {
			return err
		}
		s.stdout.Line("Removed %s", twin.Dir)
		if other := jupyter.Others(&kernelspec.Kernel{Name: twin.Name, Dir: twin.Dir}); len(other) > 0 {
			s.notes([]string{fmt.Sprintf("there is another %s in %s", twin.Name, other[0])})
		}
	}
	return nil
}
