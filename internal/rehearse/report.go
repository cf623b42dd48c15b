package rehearse

import (
	"fmt"
	"slices"

	"isolate-namespace/internal/execute"
)

// A Verdict says what came of rehearsing a notebook.
type Verdict string

// Verdicts.
const (
	Same         Verdict = "same"
	Differs      Verdict = "differs"
	NotRehearsed Verdict = "not rehearsed"
)

// A Report is what came of rehearsing a notebook.
type Report struct {
	Notebook string  `json:"notebook"`
	Verdict  Verdict `json:"verdict"`

	// Reason says why it wasn't rehearsed, and Remedy what helps.
	Reason string `json:"reason,omitempty"`
	Remedy string `json:"remedy,omitempty"`

	Cells   []Cell  `json:"cells"`            // those that differ
	Failing []Cell  `json:"failing"`          // those that fail in both kernels
	Points  *Points `json:"points,omitempty"` // nil: nbgrader gives none by itself
	Missed  *Missed `json:"missed,omitempty"` // by the twin's kernel, if cells differ; nil: not known
}

// A Cell is one of a notebook's that there is something to say of.
type Cell struct {
	Cell      int      `json:"cell"`      // its place in the notebook, from 1 on
	Execution int      `json:"execution"` // as in its prompt: In [1]
	ID        string   `json:"id,omitempty"`
	GradeID   string   `json:"grade_id,omitempty"`
	Says      []string `json:"says"`             // what it does in the twin
	Points    *Points  `json:"points,omitempty"` // where they differ

	// Variables are named by its error or its code, set where isolate-kernelspec
	// runs, and not passed to the twin.
	Variables []string `json:"variables,omitempty"`
}

// Points are those that nbgrader gives.
type Points struct {
	Twin  float64 `json:"twin"`
	Plain float64 `json:"plain"`
	Most  float64 `json:"most"`
}

// compare fills the report with what the executions differ in. What it had before is
// gone.
func (t *trial) compare(twin, first, second *outcome) {
	r := &Report{Notebook: t.report.Notebook, Verdict: Same, Cells: []Cell{}, Failing: []Cell{}}
	t.report = r
	execution := 0
	for i := range t.notebook.Cells {
		cell := &t.notebook.Cells[i]
		said := Cell{Cell: i + 1, ID: cell.ID, Says: []string{}}
		if cell.Grade != nil {
			said.GradeID = cell.Grade.ID
		}
		if cell.Executed() {
			execution++
			said.Execution = execution
			t.compareCell(i, &said, twin, first, second)
		}
		if cell.AutoGraded() {
			said.Points = r.count(t.grade(i, twin), t.grade(i, first), t.grade(i, second), cell.Grade.Points)
		}
		if len(said.Says) > 0 || said.Points != nil {
			r.Cells = append(r.Cells, said)
			r.Verdict = Differs
		}
	}
}

// compareCell says what a cell does in the twin alone, or what fails everywhere.
func (t *trial) compareCell(i int, said *Cell, twin, first, second *outcome) {
	cell := &t.notebook.Cells[i]
	c := &comparison{t.stage.root, twin.Cells[i], first.Cells[i], second.Cells[i]}
	own, plain, again := twin.endsIn(i), first.endsIn(i), second.endsIn(i)
	switch {
	case !c.complete() || (plain == "") != (again == ""): // it can't be said, or differs from run to run
	case own != "" && plain != "":
		t.report.Failing = append(t.report.Failing, said.failing(plain))
	case own != "":
		said.Says = append(said.Says, own+"; the plain kernel goes on")
	case plain != "":
		said.Says = append(said.Says, "goes on; in the plain kernel "+plain)
	default:
		said.Says = append(said.Says, c.differences()...)
		if err := cause(c.first); len(said.Says) == 0 && err != nil && cause(c.twin) != nil && !cell.Tagged("raises-exception") {
			t.report.Failing = append(t.report.Failing, said.failing("raises "+c.line(err)))
		}
	}
	if len(said.Says) > 0 {
		said.Variables = t.variables(cell, c.twin)
	}
}

// complete reports whether the cell was executed everywhere.
func (c *comparison) complete() bool { return c.twin != nil && c.first != nil && c.second != nil }

// failing is the cell with what it does everywhere.
func (c *Cell) failing(words string) Cell {
	failing := *c
	failing.Says = []string{words}
	return failing
}

// endsIn says how the execution ended in a cell, or "".
func (o *outcome) endsIn(cell int) string {
	executed := func(o *execute.Outputs) bool { return o != nil }
	switch {
	case o.Err == nil || o.Cells[cell] == nil || slices.ContainsFunc(o.Cells[cell+1:], executed):
		return ""
	case o.report.Limit != nil:
		return o.Err.Error() + ", at the limit --" + *o.report.Limit
	}
	return o.Err.Error()
}

// grade returns a cell's points. A cell that the execution didn't come to has none.
func (t *trial) grade(i int, o *outcome) float64 {
	cell := &t.notebook.Cells[i]
	if o.Cells[i] == nil && cell.Executed() {
		return 0
	}
	return points(cell, o.Cells[i])
}

// count adds a cell's points to those of the notebook, and returns them if they
// differ. Points that two plain runs differ in count as they are in the twin.
func (r *Report) count(twin, first, second, most float64) *Points {
	if r.Points == nil {
		r.Points = &Points{}
	}
	if first != second {
		first = twin
	}
	r.Points.Twin += twin
	r.Points.Plain += first
	r.Points.Most += most
	if twin == first {
		return nil
	}
	return &Points{twin, first, most}
}

// Name returns what a person knows a cell by.
func (c *Cell) Name() string {
	name := fmt.Sprintf("In [%d]", c.Execution)
	if c.Execution == 0 {
		name = fmt.Sprintf("cell %d", c.Cell)
	}
	if c.GradeID != "" {
		name += " " + c.GradeID
	}
	return name
}
