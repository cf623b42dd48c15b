package kernelspec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// metadataKey is where an isolated spec says where it comes from.
const metadataKey = "isolate"

// makeTwin returns the isolated twin of base: all its keys, its command behind
// the launcher's, and what its interpreter needs in MNTDIRS_KERNEL. The notes
// are for a person, a line each.
func makeTwin(base *Kernel, j *Jupyter, o Options) (spec Spec, notes []string, err error) {
	if spec, err = base.Spec.clone(); err != nil {
		return nil, nil, err
	}
	metadata := spec.object("metadata")
	if err := checkBase(base, metadata); err != nil {
		return nil, nil, err
	}
	argv, err := resolve(base, j)
	if err != nil {
		return nil, nil, err
	}
	n, err := needed(argv, spec.Language(), base.Dir)
	if err != nil {
		return nil, nil, err
	}
	if n.unknown {
		notes = append(notes, fmt.Sprintf("%s is of a make that can't be asked what it reads: it sees %s; add more with --mount 'ro:DIR'",
			base.Name, strings.Join(n.dirs, ", ")))
	}
	env := spec.object("env")
	for name, value := range n.env {
		if _, own := env[name]; !own {
			env[name] = value
		}
	}
	spec["argv"] = anySlice(slices.Concat(launcherArgs(o.Launcher, slices.Sorted(maps.Keys(env))), argv))
	env["MNTDIRS"] = "."
	env["MNTDIRS_KERNEL"] = mountEntries(n.dirs)
	spec["display_name"] = base.Spec.text("display_name") + " (isolated)"
	if isPython(argv[0], spec.Language()) {
		// Without it VS Code starts the command itself to ask it for its
		// version, or doesn't list the kernel.
		metadata["interpreter"] = map[string]any{"path": argv[0]}
	}
	metadata[metadataKey] = map[string]any{"base": base.Name, "base_dir": base.Dir}
	capProtocol(spec)
	if spec, err = spec.with(o); err != nil {
		return nil, nil, err
	}
	return spec, notes, spec.Validate()
}

// checkBase refuses what can't be isolated by a command in front of another.
func checkBase(base *Kernel, metadata map[string]any) error {
	if _, isolated := metadata[metadataKey]; isolated {
		return &Error{Reason: fmt.Sprintf("%s is an isolated kernel itself", base.Name), Remedy: "name the kernel that it was made of"}
	}
	provisioner, _ := metadata["kernel_provisioner"].(map[string]any)
	if name, _ := provisioner["provisioner_name"].(string); name != "" && name != "local-provisioner" {
		return &Error{Reason: fmt.Sprintf("%s is started by the provisioner %s, not on this machine", base.Name, name),
			Remedy: "name a kernel that is a command on this machine"}
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
