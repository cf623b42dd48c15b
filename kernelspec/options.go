package kernelspec

import (
	"slices"
)

// Options are what a person chooses of an isolated spec.
type Options struct {
	Name        string   // empty: the base's with "-isolated"
	DisplayName string   // empty: the base's with " (isolated)"
	Launcher    string   // absolute path of isolate-kernel
	Network     string   // "", none or host
	Mounts      []string // entries in the syntax of MNTDIRS
	Env         []string // NAME or NAME=VALUE
	Launch      []string // further options of the launcher's, such as --memory 2G

	// Try starts a kernel that isn't installed yet, and says why it doesn't
	// start. It is called for kernels whose command only leads to their program;
	// without it they are installed untried.
	Try func(*Kernel) error
}

// with is the spec with the options that a person chose.
func (s Spec) with(o Options) (Spec, error) {
	spec, err := s.clone()
	if err != nil {
		return nil, err
	}
	if o.DisplayName != "" {
		spec["display_name"] = o.DisplayName
	}
	launcher, letIn, kernel := splitCommand(spec.Argv())
	spec["argv"] = anySlice(slices.Concat([]string{launcher}, o.arguments(), letIn, []string{"--"}, kernel))
	return spec, nil
}

// arguments are the options as the launcher reads them.
func (o Options) arguments() []string {
	var args []string
	if o.Network != "" {
		args = append(args, "--network", o.Network)
	}
	for _, entries := range o.Mounts {
		args = append(args, "--mount", entries)
	}
	for _, env := range o.Env {
		args = append(args, "--env", env)
	}
	return append(args, o.Launch...)
}
