package main

import (
	"context"
	"fmt"
	"time"

	"isolate-namespace/internal/rehearse"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
	"isolate-namespace/kernelspec"
)

type rehearseCommand struct {
	Name      string   `arg:"" kernels:"isolated" help:"A twin."`
	Notebooks []string `arg:"" name:"notebook" help:"Your own notebooks, or directories of them, such as source/ps1. They are run without isolation too."`
	Mend      bool     `help:"Show the twin what it lacked, by an update, and rehearse again."`
	Timeout   string   `default:"30" placeholder:"T" help:"The most time of a cell, such as 90, 90s or 1h30m, or none; by default 30 seconds, as nbgrader's."`
	JSON      bool     `name:"json" help:"For programs; the shape is in share/commands.schema.json."`
}

// Help is what --help says more.
func (c *rehearseCommand) Help() string {
	return "Each notebook is executed in the plain kernel and in the twin, in throw-away copies of its directory, which lie as nbgrader's autograded/STUDENT/ASSIGNMENT does. " +
		"What differs is said cell by cell, and what would help. In the plain kernel the notebook can do all that you can: rehearse what you have written, not what a student has. " +
		"The exit status is 0 if nothing differs."
}

// rounds is how often a twin is mended: what it was shown last may lead to more.
const rounds = 4

// Run rehearses, and says of each notebook what differs as soon as it is known.
func (c *rehearseCommand) Run(s *session) error {
	timeout, err := c.timeout()
	if err != nil {
		return err
	}
	launcher, jupyter, err := findBoth()
	if err != nil {
		return err
	}
	notebooks, err := rehearse.Find(c.Notebooks)
	if err != nil {
		return err
	}

	ctx, end := untilSignal()
	defer end(nil)
	for round := 1; ; round++ {
		r := &rehearsing{session: s, ctx: ctx, end: end, jupyter: jupyter, timeout: timeout, quiet: c.JSON}
		if err := r.run(c.Name, notebooks); err != nil {
			return err
		}
		needs := r.needs()
		if c.Mend && round < rounds && !needs.Empty() {
			if err := r.mend(needs, launcher); err != nil {
				return err
			}
			continue
		}
		return r.conclude(needs, c.JSON)
	}
}

// timeout returns the most time of a cell; 0 is without end.
func (c *rehearseCommand) timeout() (time.Duration, error) {
	if c.Timeout == "none" {
		return 0, nil
	}
	var limits isolate.Limits
	if err := limits.Set("time", c.Timeout); err != nil {
		return 0, &kernelspec.Error{Reason: fmt.Sprintf("--timeout %s: %v", c.Timeout, err), Remedy: remedy.WriteTime}
	}
	return limits.Time, nil
}

// A rehearsing is one time that all notebooks are rehearsed.
type rehearsing struct {
	*session
	ctx     context.Context
	end     context.CancelCauseFunc
	jupyter *kernelspec.Jupyter
	timeout time.Duration
	quiet   bool // nothing is printed before the end

	twin    *kernelspec.Twin
	reports []*rehearse.Report
}

// run rehearses all notebooks.
func (r *rehearsing) run(name string, notebooks []string) (err error) {
	if r.twin, err = r.jupyter.FindTwin(name); err != nil {
		return err
	}
	r.jupyter.Inspect(r.twin)
	if !r.twin.State.Starts() {
		detail, help := r.jupyter.Explain(r.twin)
		return &kernelspec.Error{Reason: fmt.Sprintf("%s starts no kernel: %s", name, detail), Remedy: help}
	}

	progress := startProgress(r.rawStderr, "rehearsing")
	defer progress.stop()
	all, err := rehearse.New(r.jupyter, r.twin, r.timeout, progress.say)
	if err != nil {
		return err
	}
	defer all.Close()
	defer func() {
		if reason := all.Deaf(); reason != "" && err == nil {
			r.notes([]string{"what notebooks miss in the twin isn't known: " + reason})
		}
	}()
	for _, notebook := range notebooks {
		report, err := all.Notebook(r.ctx, notebook)
		if err != nil {
			return err
		}
		r.reports = append(r.reports, report)
		if r.quiet {
			continue
		}
		progress.stop()
		r.stdout.Lines(report.Text())
		if err := r.stdout.Err(); err != nil {
			r.end(unwritten(err))
		}
		progress.start()
	}
	return nil
}

// needs puts together what would help.
func (r *rehearsing) needs() rehearse.Needs {
	return rehearse.NeedsOf(r.reports, r.twin)
}

// mend gives the twin what it needs.
func (r *rehearsing) mend(needs rehearse.Needs, launcher string) error {
	result, err := kernelspec.Update(r.ctx, r.twin, r.jupyter,
		kernelspec.Options{Launcher: launcher, Sandbox: needs.Options(), Try: trier(r.ctx, r.jupyter)})
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	if err != nil {
		return err
	}
	if !r.quiet {
		r.stdout.Line("%s", needs.Command(r.twin.Name))
	}
	r.notes(result.Notes)
	return nil
}

// conclude says what would help, and ends with 0 if nothing differs.
func (r *rehearsing) conclude(needs rehearse.Needs, asJSON bool) error {
	same := true
	for _, report := range r.reports {
		same = same && report.Verdict == rehearse.Same
	}
	if asJSON {
		command := ""
		if !needs.Empty() {
			command = needs.Command(r.twin.Name)
		}
		if err := r.json(map[string]any{
			"kernel": r.twin.Name, "base": r.twin.Base, "same": same, "notebooks": r.reports, "needs": needs, "command": command,
		}); err != nil {
			return err
		}
	} else {
		r.stdout.Lines(needs.Text(r.twin.Name))
	}
	r.amiss(r.jupyter, r.twin)
	if !same {
		return exitStatus(1)
	}
	return nil
}
