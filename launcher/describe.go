package launcher

import (
	"slices"

	"isolate-namespace/isolate"
)

// CheckOptions says what is wrong with options of isolate-kernel, including the
// entries of its mounts, before anybody writes them into a kernel.json.
func CheckOptions(args []string) error {
	o, err := parseOptions(append(slices.Clone(args), "--", "kernel"))
	if err != nil {
		return err
	}
	for _, entries := range o.mounts {
		if _, err := isolate.ParseMounts(entries, "/", isolate.HomeDir()); err != nil {
			return err
		}
	}
	return nil
}

// Policy returns the policy of a kernel that isolate-kernel would start with these
// arguments, in this process's working directory and environment. The connection
// file needn't exist.
func Policy(args []string, connectionFilePath string) (isolate.Policy, error) {
	o, err := parseOptions(args)
	if err != nil {
		return isolate.Policy{}, err
	}
	return newPolicy(o, &connectionFile{path: connectionFilePath})
}
