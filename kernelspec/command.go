package kernelspec

import (
	"slices"
	"strings"
)

// splitCommand takes an isolated spec's command apart: the launcher, its
// options, and the kernel's own command.
func splitCommand(argv []string) (launcher string, options, kernel []string) {
	end := slices.Index(argv, "--")
	if end < 1 {
		return "", nil, argv
	}
	return argv[0], argv[1:end], argv[end+1:]
}

// mountOptions returns the values of --mount among the launcher's options.
func mountOptions(options []string) (all []string) {
	for _, o := range parted(options) {
		if name, value, _ := strings.Cut(strings.Join(o, "="), "="); name == "--mount" || name == "-m" {
			all = append(all, value)
		}
	}
	return all
}

// parted returns the launcher's options, each with its value.
func parted(options []string) (all [][]string) {
	for len(options) > 0 {
		length := 2
		if strings.Contains(options[0], "=") || options[0] == "--writable-notebooks" || options[0] == "--allow-symlinks" || len(options) == 1 {
			length = 1
		}
		all = append(all, options[:length])
		options = options[length:]
	}
	return all
}

// launcherArgs returns the command in front of the kernel. The variables that the
// spec itself sets are let in by name.
func launcherArgs(launcher string, names []string) []string {
	args := []string{launcher}
	for _, name := range names {
		args = append(args, "--env", name)
	}
	return append(args, "--")
}
