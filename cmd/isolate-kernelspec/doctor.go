package main

import (
	"context"

	"isolate-namespace/internal/doctor"
)

type doctorCommand struct {
	JSON     bool `name:"json" help:"For programs; the shape is in share/commands.schema.json."`
	Apparmor bool `help:"Print the AppArmor profile that these commands need on Ubuntu, and look at nothing."`
}

// Run prints what it finds. It ends with 1 if kernels can't be isolated, or a twin
// starts none.
func (c *doctorCommand) Run(s *session) error {
	launcher, err := findLauncher()
	if c.Apparmor {
		if err == nil {
			err = s.appArmor(launcher)
		}
		return err
	}

	ctx, end := untilSignal() // which waits until what was made for looking is gone
	report := doctor.Examine(launcher, err)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	end(nil)

	if c.JSON {
		err = s.json(map[string]any{"can_isolate": report.CanIsolate(), "findings": report.Findings()})
	} else {
		c.table(s, report.Findings())
	}
	if err == nil && !report.AllStart() {
		err = exitStatus(1)
	}
	return err
}

func (c *doctorCommand) table(s *session, found []doctor.Finding) {
	table := s.stdout.Table()
	for _, f := range found {
		line := f.Detail
		if f.Remedy != "" {
			line += "; " + f.Remedy
		}
		table.Row(f.Name, string(f.Health), line)
	}
	table.End()
}
