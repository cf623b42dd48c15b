package verify

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"isolate-namespace/internal/frontend"
	"isolate-namespace/internal/text"
	"isolate-namespace/kernelspec"
)

// patience is how long a kernel has for anything but its start.
const patience = 15 * time.Second

// all makes every check. The error is that of a restart, without which there is
// nothing more to check.
func (t *trial) all() error {
	t.check("start", nil, "answers kernel_info")
	t.check("heartbeat", t.Client.Beat(patience), "comes back")

	if t.dialect == nil {
		t.tell(Check{Name: "probes", Kind: Isolation, Unknown: true, Detail: "there are none for this language"})
	} else {
		t.cells()
		if !t.protocolOnly {
			t.probe()
		}
		if t.onGPU && t.dialect.probes == "python.py" {
			t.check("gpu", t.computes(), "its library begins to work")
		}
		t.check("interrupt", t.interrupted(), "ends a cell, not the kernel")
	}

	if err := t.End("shutdown_request", true); err != nil {
		t.check("restart", err, "")
		return nil
	}
	t.Client.Close()
	if err := t.Start(); err != nil {
		return t.explain(err)
	}
	t.check("restart", nil, "on the same ports")
	t.check("shutdown", t.End("shutdown_request", false), "the kernel ends, and its launcher")
	return nil
}

// tell reports a check, unless the trial is over and it failed for that.
func (t *trial) tell(c Check) {
	if t.ctx.Err() == nil {
		t.report(c)
	}
}

// check reports whether something went as it should.
func (t *trial) check(name string, err error, detail string) {
	c := Check{Name: name, Kind: Protocol, Held: err == nil, Detail: detail}
	if err != nil {
		c.Detail = err.Error()
		if t.ctx.Err() == nil && t.asPlain(name, c.Detail) {
			c.Held, c.Plain, c.Detail = true, true, c.Detail+", as it does without isolation"
		}
	}
	t.tell(c)
}

// cells runs a cell that prints, and one that asks for a line.
func (t *trial) cells() {
	t.check("execute", t.answers42(patience), "a cell's output arrives")
	if t.dialect.input != "" {
		t.check("stdin", t.asked(), "a cell asks for a line")
	}
}

// answers42 runs a cell that prints 42.
func (t *trial) answers42(patience time.Duration) error {
	text, err := t.Client.Run(t.dialect.hello, patience)
	if err == nil && !strings.Contains(text, "42") {
		err = fmt.Errorf("printed %q", text)
	}
	return err
}

// asked lets a cell ask for a line.
func (t *trial) asked() error {
	k := t.Client
	id, err := k.Send(k.Shell, "execute_request", frontend.Execution(t.dialect.input, true))
	if err != nil {
		return err
	}

	ctx, cancel := k.Within(patience)
	defer cancel()
	select {
	case <-k.Inputs:
	case <-ctx.Done():
		return frontend.ErrSilent
	}
	if _, err := k.Send(k.Stdin, "input_reply", map[string]any{"value": "a line"}); err != nil {
		return err
	}

	text, err := k.Output(id, patience)
	if err == nil && !strings.Contains(text, "got a line") {
		err = fmt.Errorf("printed %q", text)
	}
	return err
}

// probe has the kernel try to get out.
func (t *trial) probe() {
	text, err := t.tried()
	for _, p := range probes {
		told := strings.Contains(text, "probe "+p.Name+" ")
		open := strings.Contains(text, "probe "+p.Name+" open")
		if p.Name == "write" {
			// It may have written into a directory of the sandbox's own.
			_, missing := os.Stat(t.values["TARGET"])
			open = missing == nil
		}

		c := Check{Name: p.Name, Kind: Isolation, Held: told && !open, Detail: p.Held}
		switch {
		case open && p.Name == "processes" && t.sharesProc:
			c.Detail = kernelspec.WithSharedProc
		case open:
			c.Detail = p.Open
		case !told:
			c.Unknown, c.Detail = true, noAnswer(err, text)
		}
		t.tell(c)
	}
}

// tried returns what the probes printed.
func (t *trial) tried() (string, error) {
	program, err := t.dialect.program(t.values)
	if err != nil {
		return "", err
	}
	if t.dialect.source != "" {
		if err := os.WriteFile(t.path("work/"+t.dialect.probes), []byte(program), 0o600); err != nil {
			return "", err
		}
		program = fmt.Sprintf(t.dialect.source, t.dialect.probes)
	}
	return t.Client.Run(program, 2*patience)
}

// noAnswer says why a probe gave no answer.
func noAnswer(err error, printed string) string {
	if err != nil {
		return err.Error()
	}
	return "the probe printed " + strconv.Quote(text.LastLine(printed))
}

// interrupted interrupts a cell that doesn't end, as the front ends do, and
// checks that the same kernel still works.
func (t *trial) interrupted() error {
	k := t.Client
	id, err := k.Send(k.Shell, "execute_request", frontend.Execution(t.dialect.forever, false))
	if err != nil {
		return err
	}
	if err := k.Begun(id, patience); err != nil {
		return fmt.Errorf("the cell doesn't begin: %w", err)
	}
	answered := t.replied(id)
	select {
	case <-answered:
		return errors.New("the cell that shouldn't end does")
	case <-time.After(time.Second): // nothing is published between being taken up and running
	}

	if err := t.Interrupt(); err != nil {
		return err
	}
	select {
	case <-t.Ended: // as xeus-python does on SIGINT, plain or isolated
		return errors.New("ends the kernel")
	case err := <-answered:
		if err != nil {
			return fmt.Errorf("the cell goes on: %w", err)
		}
	}

	// Plain or isolated, IRkernel leaves the first message after an interrupt
	// unanswered now and then, and tslab aborts all of the next 200 ms.
	for range 3 {
		if err = t.answers42(patience / 3); err == nil || t.ctx.Err() != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond)
	}
	return fmt.Errorf("afterwards nothing is executed: %w", err)
}

// replied returns a channel that says when the message of this identity is
// answered, or isn't in time.
func (t *trial) replied(id string) <-chan error {
	answered := make(chan error, 1)
	k := t.Client
	go func() {
		_, err := k.Reply(id, patience)
		answered <- err
	}()
	return answered
}
