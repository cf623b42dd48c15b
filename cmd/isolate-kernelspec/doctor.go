package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"isolate-namespace/internal/doctor"
	"isolate-namespace/share"
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
		if err != nil {
			return err
		}
		fmt.Fprint(s.stdout, strings.Replace(share.AppArmorProfile, "profile isolate @COMMANDS@/", "profile isolate "+filepath.Dir(launcher)+"/", 1))
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
		err = c.table(s, report.Findings())
	}
	if err == nil && !report.AllStart() {
		err = exitStatus(1)
	}
	return err
}

func (c *doctorCommand) table(s *session, found []doctor.Finding) error {
	table := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	for _, f := range found {
		line := f.Detail
		if f.Remedy != "" {
			line += "; " + f.Remedy
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.Name, f.Health, line)
	}
	return table.Flush()
}
