package launcher

import (
	"slices"

	"isolate-namespace/isolate"
)

// CheckOptions says what is wrong with options of isolate-kernel's, the entries
// of its mounts included, before anybody writes them into a kernel.json.
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

// Policy is what a kernel would get to see that is started in the working
// directory by isolate-kernel with these arguments and this process's
// environment. The connection file's path is only a name here.
func Policy(args []string, connectionFilePath string) (isolate.Policy, error) {
	o, err := parseOptions(args)
	if err != nil {
		return isolate.Policy{}, err
	}
	return newPolicy(o, &connectionFile{path: connectionFilePath})
}
