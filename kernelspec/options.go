package kernelspec

import (
	"slices"

	"isolate-namespace/internal/kernelargv"
)

// Options are what a person chooses of a twin.
type Options struct {
	Name        string             // empty: the base's with "-isolated"
	Default     bool               // the twin gets the base's name, and Jupyter finds it first
	DisplayName string             // empty: the base's with " (isolated)"
	Launcher    string             // absolute path of isolate-kernel
	NoDebugger  bool               // the kernel's debugger is masked
	Sandbox     kernelargv.Options // the launcher's

	// Try starts a kernel that isn't installed yet, and says why it doesn't
	// start. It is called for kernels whose command only leads to their program;
	// without it they are installed untried.
	Try func(*Kernel) error
}

// with returns the spec with the options that a person chose.
func (s Spec) with(o Options) (Spec, error) {
	spec, err := s.clone()
	if err != nil {
		return nil, err
	}
	if o.DisplayName != "" {
		spec["display_name"] = o.DisplayName
	}
	command := spec.Command()
	command.Options = slices.Concat(o.Sandbox, command.Options)
	spec["argv"] = anySlice(command.Argv())
	return spec, nil
}
