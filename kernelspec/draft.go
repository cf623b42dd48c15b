package kernelspec

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"isolate-namespace/internal/kernelargv"
	"isolate-namespace/internal/remedy"
)

// Provisioner is the name of the kernel provisioner that isolates a kernel without a
// twin (provisioner/).
const Provisioner = "isolate-provisioner"

// metadataKey is where a twin says what it was made from.
const metadataKey = "isolate"

// A draft is a twin as it is made from its base, without options, and what we found
// out while making it.
type draft struct {
	spec  Spec
	notes []string // for a person, a line each

	// try says that the twin should be tried before it is installed, since its
	// command only leads to the kernel's program. ends is the command that it finally
	// runs, or nil.
	try  bool
	ends []string

	hidden []string // what the command read and doesn't see, since only its owner can

	// asked is the program that said what it reads, and what it said; nil if the
	// command or what it does was looked at in other ways.
	asked []string
}

// makeTwin makes the twin of base: all its keys, its command after the launcher's, and
// in MNTDIRS_KERNEL what its interpreter needs. Of the options it follows those that
// it needs for that; Spec.with adds the others.
func makeTwin(ctx context.Context, base *Kernel, j *Jupyter, o Options) (*draft, error) {
	spec, err := base.Spec.clone()
	if err != nil {
		return nil, err
	}
	metadata := spec.object("metadata")
	if err := checkBase(base, metadata); err != nil {
		return nil, err
	}

	argv, err := resolve(base, j)
	if err != nil {
		return nil, err
	}
	n, err := needed(ctx, command{argv, spec.Language(), base.Spec.environ()}, base.Dir)
	if err != nil {
		return nil, err
	}

	own := map[string]any{"base": base.Name, "base_dir": base.Dir}
	if o.NoDebugger {
		if err := n.leaveOutDebugger(base, slices.Concat(n.ends, argv)[0]); err != nil {
			return nil, err
		}
		metadata[debuggerKey], own[debuggerKey] = false, false
	}

	env := spec.object("env")
	for name, value := range n.env {
		if _, own := env[name]; !own {
			env[name] = value
		}
	}
	command := kernelargv.Command{Launcher: o.Launcher, Kernel: argv}
	for _, name := range slices.Sorted(maps.Keys(env)) { // the spec's own variables
		command.Options = append(command.Options, kernelargv.New("--env", name))
	}
	spec["argv"] = anySlice(command.Argv())
	env["MNTDIRS"] = "."
	env["MNTDIRS_KERNEL"] = n.entries()

	spec["display_name"] = base.Spec.text("display_name") + " (isolated)"
	if isPython(argv[0], spec.Language()) {
		// Without it VS Code starts the command itself to ask it for its
		// version, or doesn't list the kernel.
		metadata["interpreter"] = map[string]any{"path": argv[0]}
	}
	delete(metadata, plainKey)
	metadata[metadataKey] = own
	capProtocol(spec)

	return &draft{
		spec: spec, notes: append(n.notes, n.guess(base.Name)...), try: n.try, ends: n.ends, hidden: n.hidden, asked: n.asked,
	}, spec.Validate()
}

// guess returns the note on a kernel whose program can't be asked.
func (n *need) guess(name string) []string {
	if !n.unknown {
		return nil
	}
	return []string{fmt.Sprintf("%s is of a make that can't be asked what it reads: it sees %s; %s",
		name, strings.Join(n.paths, ", "), remedy.AddMounts)}
}

// checkBase refuses kernels that a command in front of theirs can't isolate.
func checkBase(base *Kernel, metadata map[string]any) error {
	if _, isolated := metadata[metadataKey]; isolated {
		return &Error{Reason: fmt.Sprintf("%s is a twin itself", base.Name), Remedy: remedy.NameBase}
	}
	provisioner, _ := metadata["kernel_provisioner"].(map[string]any)
	switch name, _ := provisioner["provisioner_name"].(string); name {
	case "", "local-provisioner":
	case Provisioner: // a twin needs none
		delete(metadata, "kernel_provisioner")
	default:
		return &Error{Reason: fmt.Sprintf("%s is started by the provisioner %s, not on this machine", base.Name, name),
			Remedy: remedy.NameLocalKernel}
	}
	return nil
}

// capProtocol keeps a kernel from announcing that it takes a registration file
// (JEP 66, from 5.5 on), which needs a connection out of the sandbox.
func capProtocol(spec Spec) {
	version, major, minor := spec.text("kernel_protocol_version"), 0, 0
	if _, err := fmt.Sscanf(strings.TrimSpace(version), "%d.%d", &major, &minor); err == nil && (major > 5 || major == 5 && minor > 4) {
		spec["kernel_protocol_version"] = "5.4"
	}
}

func anySlice(ss []string) []any {
	list := make([]any, len(ss))
	for i, s := range ss {
		list[i] = s
	}
	return list
}
