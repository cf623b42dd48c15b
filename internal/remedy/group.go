package remedy

import (
	"os"

	"golang.org/x/sys/unix"
)

// Group returns how this user gets a control group that others can be made in.
func (c Command) Group() string {
	hasSystemd := unix.Access("/run/systemd/system", unix.F_OK) == nil // sd_booted(3)
	return c.group(hasSystemd, os.Getuid() == 0)
}

func (c Command) group(hasSystemd, isRoot bool) string {
	what, program := "it", "COMMAND"
	if c != Isolate {
		what, program = "Jupyter", "jupyter lab"
	}
	switch {
	case !hasSystemd:
		return "start " + what + " in a control group that you may write to, which without systemd an administrator makes"
	case isRoot:
		return "start " + what + " by: systemd-run --scope -p Delegate=yes " + program
	}
	return "start " + what + " by: systemd-run --user --scope -p Delegate=yes " + program
}
