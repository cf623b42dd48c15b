package rehearse

import (
	"fmt"
	"strings"

	"isolate-namespace/internal/text"
)

// Text is the report for a person: a line for the notebook, and one for each cell
// that there is something to say of.
func (r *Report) Text() string {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(text.Line(fmt.Sprintf(format, args...)) + "\n") }

	line("%s: %s", r.Notebook, r.headline())
	for _, c := range r.Cells {
		line("  %s", c.sentence())
	}
	for _, c := range r.Failing {
		line("  %s, in the plain kernel as well: %s", c.Name(), strings.Join(c.Says, "; "))
	}
	return b.String()
}

func (r *Report) headline() string {
	words := "as in the plain kernel"
	switch {
	case r.Verdict == NotRehearsed:
		words = "not rehearsed: " + r.Reason
		if r.Remedy != "" {
			words += "; " + r.Remedy
		}
	case r.Verdict == Differs && len(r.Cells) == 1:
		words = "1 cell differs"
	case r.Verdict == Differs:
		words = fmt.Sprintf("%d cells differ", len(r.Cells))
	case len(r.Failing) > 0:
		words = "fails in the plain kernel as well"
	}
	if p := r.Points; p != nil {
		words += fmt.Sprintf(", %g of %g points", p.Twin, p.Most)
		if p.Twin != p.Plain {
			words += fmt.Sprintf(", %g in the plain kernel", p.Plain)
		}
	}
	return words
}

// sentence says what a cell does in the twin.
func (c *Cell) sentence() string {
	said := c.Says
	if p := c.Points; p != nil {
		said = append([]string{fmt.Sprintf("%g of %g points, %g in the plain kernel", p.Twin, p.Most, p.Plain)}, said...)
	}
	words := c.Name() + ": " + strings.Join(said, "; ")
	if len(c.Variables) > 0 {
		words += fmt.Sprintf(" (%s: set here, not passed to the twin)", strings.Join(c.Variables, ", "))
	}
	return words
}
