package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"isolate-namespace/internal/kernelargv"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/kernelspec"
)

// wrap tells the provisioner how to start a kernel isolated; provisioner/ runs it.
type wrap struct{}

// A request is what the provisioner asks, on standard input.
type request struct {
	Spec    kernelspec.Spec `json:"spec"` // with the command as Jupyter would run it
	Name    string          `json:"name"`
	Dir     string          `json:"dir"` // of the kernel.json
	Options []string        `json:"options"`
}

// Run prints the answer, a kernelspec.Start.
func (c *wrap) Run(s *session) error {
	var r request
	if err := json.NewDecoder(os.Stdin).Decode(&r); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if err := r.Spec.Validate(); err != nil {
		return fmt.Errorf("read the kernelspec: %w", err)
	}

	command := kernelargv.Parse(append(append([]string{"isolate-kernel"}, r.Options...), "--", "kernel"))
	if len(command.Kernel) != 1 {
		return &kernelspec.Error{Reason: fmt.Sprintf("the options %q hold a command", r.Options), Remedy: remedy.OnlyOptions}
	}
	noDebugger := command.Options.Values("--no-debugger") != nil // of a twin, not of the launcher
	command.Options = command.Options.Without(kernelargv.Options{kernelargv.New("--no-debugger", "")})
	if err := check(command.Options); err != nil {
		return err
	}
	launcher, err := findLauncher()
	if err != nil {
		return err
	}

	base := &kernelspec.Kernel{Name: r.Name, Dir: r.Dir, Spec: r.Spec}
	start, err := kernelspec.Wrap(context.Background(), base, kernelspec.Options{Launcher: launcher, NoDebugger: noDebugger, Sandbox: command.Options})
	if err != nil {
		return err
	}
	return s.json(start)
}
