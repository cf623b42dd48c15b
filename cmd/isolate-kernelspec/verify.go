package main

import (
	"isolate-namespace/internal/verify"
)

type verifyCommand struct {
	Name string `arg:"" kernels:"all" help:"A kernel; a plain one shows what isolation keeps from it."`
	JSON bool   `name:"json" help:"For programs; the shape is in share/commands.schema.json."`
}

// Run prints what held, a line when it is known, and ends with 0 if all did.
func (c *verifyCommand) Run(s *session) error {
	jupyter, err := findJupyter()
	if err != nil {
		return err
	}
	base, err := jupyter.Find(c.Name)
	if err != nil {
		return err
	}
	checks, held := []verify.Check{}, true

	ctx, end := untilSignal()
	defer end(nil)
	progress := startProgress(s.rawStderr, "verifying "+base.Name)
	err = verify.Kernel(ctx, jupyter, base, func(check verify.Check) {
		progress.stop()
		defer progress.start()
		checks = append(checks, check)
		held = held && check.Held
		if c.JSON {
			return
		}
		s.stdout.Line("%-12s %-7s %s", check.Name, word(check), check.Detail)
		if err := s.stdout.Err(); err != nil {
			end(unwritten(err))
		}
	})
	progress.stop()
	if err != nil {
		return err
	}
	if twin, err := jupyter.FindTwin(base.Name); err == nil {
		jupyter.Inspect(twin)
		s.amiss(jupyter, twin)
	}

	if c.JSON {
		if err := s.json(map[string]any{"kernel": base.Name, "held": held, "checks": checks}); err != nil {
			return err
		}
	}
	if !held {
		return exitStatus(1)
	}
	return nil
}

func word(c verify.Check) string {
	switch {
	case c.Plain:
		return "same"
	case c.Unknown:
		return "unknown"
	case c.Kind == verify.Protocol && c.Held:
		return "works"
	case c.Kind == verify.Protocol:
		return "FAILS"
	case c.Held:
		return "held"
	}
	return "OPEN"
}
