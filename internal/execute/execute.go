// Package execute has a kernel execute a notebook's cells as nbclient does with
// allow_errors, which is how nbgrader grades.
//
// Source: nbclient 0.11, NotebookClient.async_execute_cell; nbgrader 0.9.6,
// preprocessors/execute.py
package execute

import (
	"context"
	"errors"
	"fmt"
	"time"

	"isolate-namespace/internal/frontend"
	"isolate-namespace/internal/notebook"
	"isolate-namespace/internal/protocol"
)

// afterInterrupt is how long an interrupted cell has to end (nbclient's
// iopub_timeout).
const afterInterrupt = 4 * time.Second

// An Unended is the error of a cell that an interrupt doesn't end.
type Unended struct{ Cell int }

func (e *Unended) Error() string { return "the kernel goes on in spite of the interrupt" }

// ErrDied says that the kernel ended while a cell ran, or before.
var ErrDied = errors.New("the kernel died")

// ErrLost says that the kernel is done with a cell and doesn't say so to whom it
// publishes what the cell puts out.
var ErrLost = errors.New("what the cell puts out doesn't arrive")

// A Run is what came of one execution.
type Run struct {
	// Cells are those of the notebook; nil: not executed.
	Cells []*Outputs

	// Err says why the kernel executed no more cells after the last one that has
	// outputs. It may be nil.
	Err error
}

// Cells executes a notebook's cells in their order, each for at most timeout (0:
// without end), and says before each which it is. Errors of cells are outputs. A cell
// that doesn't end in time is interrupted, and the next one follows.
//
// The error is that of ctx.
func Cells(ctx context.Context, p *frontend.Process, n *notebook.Notebook, timeout time.Duration, begin func(cell int)) (*Run, error) {
	run := &Run{Cells: make([]*Outputs, len(n.Cells))}
	shown, left := map[string][]*Display{}, maxKept
	for i := range n.Cells {
		if !n.Cells[i].Executed() {
			continue
		}
		begin(i)
		e := &execution{process: p, outputs: &Outputs{left: &left}, shown: shown, timeout: timeout}
		run.Cells[i] = e.outputs
		err := e.run(ctx, n.Cells[i].Source)
		e.end()
		if err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			run.Err = err
			var unended *Unended
			if errors.As(err, &unended) {
				unended.Cell = i
			}
			break
		}
	}
	return run, nil
}

// An execution is that of one cell.
type execution struct {
	process *frontend.Process
	outputs *Outputs
	shown   map[string][]*Display
	timeout time.Duration
	id      string
	answer  *Error // that the kernel answered with

	replied, idle, interrupted bool
}

// run executes the cell until the kernel has answered and is idle again.
func (e *execution) run(ctx context.Context, source string) error {
	k := e.process.Client
	id, err := k.Send(k.Shell, "execute_request", map[string]any{
		"code": source, "silent": false, "store_history": true, "user_expressions": map[string]any{},
		"allow_stdin": false, "stop_on_error": false,
	})
	if err != nil {
		return ErrDied
	}
	e.id = id

	var late <-chan time.Time // when patience ends
	if e.timeout > 0 {
		timer := time.NewTimer(e.timeout)
		defer timer.Stop()
		late = timer.C
	}
	for !e.idle || !e.replied && !e.interrupted {
		select {
		case m := <-k.Published:
			e.published(m)
		case m := <-k.Replies:
			if e.reply(m); e.replied && !e.idle {
				late = time.After(afterInterrupt)
			}
		case <-late:
			if e.replied {
				return ErrLost
			}
			if e.interrupted {
				return &Unended{}
			}
			e.interrupted = true
			if err := e.process.Interrupt(); err != nil {
				return ErrDied
			}
			late = time.After(afterInterrupt)
		case <-e.process.Ended:
			e.rest(k)
			return ErrDied
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (e *execution) published(m *protocol.Message) {
	if m.Parent.ID != e.id {
		return
	}
	if m.Header.Type == "status" {
		e.idle = e.idle || m.Content["execution_state"] == "idle"
		return
	}
	if !e.idle {
		e.outputs.take(m, e.shown)
	}
}

// reply takes the kernel's answer.
func (e *execution) reply(m *protocol.Message) {
	if m.Parent.ID != e.id || e.replied {
		return
	}
	e.replied = true
	if m.Content["status"] == "error" {
		name, _ := m.Content["ename"].(string)
		value, _ := m.Content["evalue"].(string)
		e.answer = &Error{name, value, traceback(m.Content["traceback"])}
	}
}

// end adds the error that is in no output, as nbgrader has it.
func (e *execution) end() {
	if e.interrupted {
		e.outputs.TimedOut = true
		e.answer = &Error{Name: "CellTimeoutError", Value: fmt.Sprintf("not done after %v", e.timeout)}
	}
	if e.answer == nil {
		return
	}
	for _, known := range e.outputs.Errors {
		if known.Name == e.answer.Name {
			return
		}
	}
	e.outputs.raise(*e.answer)
}

// rest takes what a kernel that died has published before.
func (e *execution) rest(k *frontend.Client) {
	for end := time.After(200 * time.Millisecond); ; {
		select {
		case m := <-k.Published:
			e.published(m)
		case <-end:
			return
		}
	}
}
