package rehearse

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"isolate-namespace/internal/execute"
	"isolate-namespace/internal/text"
)

// A comparison is that of one cell.
type comparison struct {
	root                string // of the stage, in texts
	twin, first, second *execute.Outputs
}

// differences says in words in what the twin's outputs differ from those of both
// plain runs, and not these from each other.
func (c *comparison) differences() []string {
	if said, raised := c.errors(); said != "" {
		if raised {
			return []string{said} // what it would have put out is missing, of course
		}
		return append([]string{said}, c.outputs()...)
	}
	return c.outputs()
}

func (c *comparison) outputs() (said []string) {
	if m := c.compare(c.twin.Stdout, c.first.Stdout, c.second.Stdout); m != nil {
		said = append(said, m.say("prints", "nothing"))
	}
	if m := c.compare(c.twin.Stderr, c.first.Stderr, c.second.Stderr); m != nil {
		said = append(said, m.say("writes to standard error", "nothing"))
	}
	return append(said, c.displays()...)
}

// errors compares the errors that end a cell. raised says that the twin's has one
// where the plain kernel's has none.
func (c *comparison) errors() (said string, raised bool) {
	twin, first, second := cause(c.twin), cause(c.first), cause(c.second)
	switch {
	case (first == nil) != (second == nil):
		return "", false
	case twin == nil && first == nil:
		return "", false
	case first == nil:
		return "raises " + c.line(twin), true
	case twin == nil:
		return "doesn't raise " + c.line(first) + ", as the plain kernel does", false
	case first.Name != second.Name:
		return "", false
	case twin.Name != first.Name,
		compareText(normal(twin.Value, c.root), normal(first.Value, c.root), normal(second.Value, c.root)) != nil:
		return "raises " + c.line(twin) + "; the plain kernel raises " + c.line(first), false
	}
	return "", false
}

// cause returns the error that came first: R goes on after one in a cell. Of a cell
// that was interrupted it is that it took too long.
func cause(o *execute.Outputs) *execute.Error {
	switch {
	case len(o.Errors) == 0:
		return nil
	case o.TimedOut:
		return &o.Errors[len(o.Errors)-1]
	}
	return &o.Errors[0]
}

// line is an error in one line.
func (c *comparison) line(e *execute.Error) string {
	value := strings.TrimSpace(normal(e.Value, c.root))
	value, _, _ = strings.Cut(value, "\n")
	if value == "" {
		return e.Name
	}
	return shorten(e.Name + ": " + value)
}

// displays compares what cells show, one after the other.
func (c *comparison) displays() (said []string) {
	twin, first, second := c.twin.Displays, c.first.Displays, c.second.Displays
	if len(first) != len(second) {
		return nil
	}
	for i := range max(len(twin), len(first)) {
		switch {
		case i >= len(twin):
			return append(said, "doesn't show "+kind(first[i])+", as the plain kernel does")
		case i >= len(first):
			return append(said, "shows "+kind(twin[i])+", as the plain kernel doesn't")
		}
		if words := c.display(twin[i], first[i], second[i]); words != "" {
			said = append(said, words)
		}
	}
	if c.twin.More != c.first.More && c.first.More == c.second.More {
		said = append(said, fmt.Sprintf("has %d more outputs, the plain kernel %d", c.twin.More, c.first.More))
	}
	return said
}

// display compares what is shown in one place. Where text says it, an image or a
// page isn't mentioned as well.
func (c *comparison) display(twin, first, second *execute.Display) string {
	types := func(d *execute.Display) []string { return slices.Sorted(maps.Keys(d.Data)) }
	if !slices.Equal(types(first), types(second)) {
		return ""
	}
	if !slices.Equal(types(twin), types(first)) {
		return fmt.Sprintf("shows %s, the plain kernel %s", strings.Join(types(twin), ", "), strings.Join(types(first), ", "))
	}
	verb := "shows"
	if twin.Result {
		verb = "its value is"
	}
	for _, name := range slices.SortedFunc(maps.Keys(first.Data), textFirst) {
		m := c.compare(twin.Data[name], first.Data[name], second.Data[name])
		switch {
		case m == nil:
		case name == "text/plain":
			return m.say(verb, "nothing")
		default:
			return "shows another " + name
		}
	}
	return ""
}

// textFirst puts text/plain before other types.
func textFirst(a, b string) int {
	rank := func(name string) int {
		if name == "text/plain" {
			return 0
		}
		return 1
	}
	return cmp.Or(rank(a)-rank(b), strings.Compare(a, b))
}

// kind names what is shown, by the type that a person sees.
func kind(d *execute.Display) string {
	if d.Result {
		return "a value"
	}
	for _, name := range slices.Sorted(maps.Keys(d.Data)) {
		if name != "text/plain" {
			return name
		}
	}
	return "text/plain"
}

// compare compares texts of which a part may be known only by its digest. None is as
// good as an empty one.
func (c *comparison) compare(twin, first, second *execute.Text) *mismatch {
	start := func(t *execute.Text) string {
		if t == nil {
			return ""
		}
		return normal(t.Start(), c.root)
	}
	if m := compareText(start(twin), start(first), start(second)); m != nil {
		return m
	}
	if twin == nil || first == nil || second == nil || twin.Whole() && first.Whole() {
		return nil
	}
	if first.Same(second) && !twin.Same(first) {
		return &mismatch{twin: fmt.Sprintf("%d bytes", twin.Size()), plain: fmt.Sprintf("%d bytes that aren't the same", first.Size())}
	}
	return nil
}

// say puts a mismatch into words.
func (m *mismatch) say(verb, nothing string) string {
	quote := func(line string) string {
		if strings.TrimSpace(line) == "" {
			return nothing
		}
		return `"` + shorten(line) + `"`
	}
	return fmt.Sprintf("%s %s; the plain kernel %s", verb, quote(m.twin), quote(m.plain))
}

// longest is how much of a line is said, in characters.
const longest = 160

// shorten returns the beginning of a line that is too long to be read.
func shorten(line string) string {
	line = text.Line(strings.TrimSpace(line))
	if runes := []rune(line); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return line
}
