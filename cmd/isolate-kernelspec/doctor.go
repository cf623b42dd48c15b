package main

import (
	"context"

	"isolate-namespace/internal/doctor"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

type doctorCommand struct {
	JSON      bool `name:"json" help:"For programs; the shape is in share/commands.schema.json."`
	Apparmor  bool `help:"Print the AppArmor profiles that these commands need on Ubuntu, and look at nothing."`
	Container bool `help:"Print all that the container or service has to allow, and look at nothing else."`
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

	if c.Container {
		s.stdout.Lines(remedy.ForContainer(isolate.LookAround()))
		return nil
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
