package kernelspec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Options are what a person chooses of an isolated spec.
type Options struct {
	Name        string   // empty: the base's with "-isolated"
	DisplayName string   // empty: the base's with " (isolated)"
	Launcher    string   // absolute path of isolate-kernel
	Network     string   // "", none or host
	Mounts      []string // entries in the syntax of MNTDIRS
	Env         []string // NAME or NAME=VALUE
}

// metadataKey is where an isolated spec says where it comes from.
const metadataKey = "isolate"

// Isolate returns the isolated twin of base: all its keys, its command behind
// the launcher's, and what its interpreter needs in MNTDIRS_KERNEL.
func Isolate(base *Base, j *Jupyter, o Options) (Spec, error) {
	spec, err := base.Spec.clone()
	if err != nil {
		return nil, err
	}
	metadata := spec.object("metadata")
	if err := checkBase(base, metadata); err != nil {
		return nil, err
	}
	argv, err := resolve(base.Spec.argv(), base.Dir, j)
	if err != nil {
		return nil, err
	}
	dirs, err := neededDirs(argv, spec.text("language"), base.Dir)
	if err != nil {
		return nil, err
	}
	env := spec.object("env")
	spec["argv"] = anySlice(slices.Concat(launcherArgs(o, slices.Sorted(maps.Keys(env))), argv))
	env["MNTDIRS"] = "."
	env["MNTDIRS_KERNEL"] = mountEntries(dirs)
	spec["display_name"] = o.DisplayName
	if o.DisplayName == "" {
		spec["display_name"] = base.Spec.text("display_name") + " (isolated)"
	}
	if isPython(argv[0], spec.text("language")) {
		// Without it VS Code starts the command itself to ask it for its
		// version, or doesn't list the kernel.
		metadata["interpreter"] = map[string]any{"path": argv[0]}
	}
	metadata[metadataKey] = map[string]any{"base": base.Name, "base_dir": base.Dir}
	capProtocol(spec)
	return spec, spec.Validate()
}

// checkBase refuses what can't be isolated by a command in front of another.
func checkBase(base *Base, metadata map[string]any) error {
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

// launcherArgs is the command in front of the kernel's. The variables that the
// spec itself sets are let in by name.
func launcherArgs(o Options, names []string) []string {
	args := []string{o.Launcher}
	if o.Network != "" {
		args = append(args, "--network", o.Network)
	}
	for _, entries := range o.Mounts {
		args = append(args, "--mount", entries)
	}
	for _, env := range append(names, o.Env...) {
		args = append(args, "--env", env)
	}
	return append(args, "--")
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
