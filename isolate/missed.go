package isolate

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"isolate-namespace/isolate/internal/missed"
)

// Missed is what a program looked for, would have found without the sandbox, and didn't
// find in it.
type Missed struct {
	// Groups are files and programs, by the entry that would show them. Those
	// without an entry come last.
	Groups []MissedGroup
	// Connections are those that could not be made, and names that could not be
	// looked up.
	Connections []MissedConnection
	// Incomplete says why there may be more, or is "".
	Incomplete string
}

// A MissedGroup is what one entry would show, or what has none for the same reason.
type MissedGroup struct {
	// Mount would show all of the files, and is the narrowest that is sensible. It is
	// nil if Reason says why there is none.
	Mount *Mount
	// Reason is MissedSecret, MissedService, MissedDevice, MissedWide,
	// MissedCovered, MissedPartly, MissedUnwritten or "".
	Reason string
	Files  []MissedFile // in the order of their paths
}

// Why something that was missed has no entry.
const (
	MissedSecret    = string(missed.Secret)    // it may hold secrets, or lies among some
	MissedService   = string(missed.Service)   // it is a socket: whoever sees it can command a service
	MissedDevice    = string(missed.Device)    // it is a device: no entry shows one
	MissedWide      = string(missed.Wide)      // it is a directory that holds too much else
	MissedCovered   = string(missed.Covered)   // an entry covers it
	MissedPartly    = string(missed.Partly)    // it is a directory of which a part is shown, and was listed
	MissedUnwritten = string(missed.Unwritten) // no entry can be written for its name
)

// A MissedFile is a file, directory or program.
type MissedFile struct {
	Path  string
	Use   string // look, read, execute or write
	Count int    // how often it was looked for
}

// A MissedConnection is a place that the program tried to connect to, or a name that it
// looked up.
type MissedConnection struct {
	To     string // an address and port, such as 10.0.0.1:5432, or a name
	IsName bool
	Count  int
}

// Count returns how often the files of the group were looked for.
func (g *MissedGroup) Count() (sum int) {
	for _, f := range g.Files {
		sum += f.Count
	}
	return sum
}

// Entry returns the entry that shows the group, as ParseMounts reads it, or "".
func (g *MissedGroup) Entry() string {
	if g.Mount == nil {
		return ""
	}
	return FormatMounts([]Mount{*g.Mount})
}

func newMissedGroup(g *missed.Group) MissedGroup {
	group := MissedGroup{Reason: string(g.Reason)}
	if g.Show != "" {
		m := ReadOnly(g.Show)
		if g.Writable {
			m = Writable(g.Show)
		}
		group.Mount = &m
	}
	for _, f := range g.Files {
		group.Files = append(group.Files, MissedFile{f.Path, string(f.Use), f.Count})
	}
	return group
}

// json writes m as share/report.schema.json has it, with a limited number of files of each
// group.
func (m *Missed) json(b *strings.Builder) {
	const most = 100
	b.WriteString("{\n    \"groups\": [")
	for i, g := range m.Groups {
		fmt.Fprintf(b, "%s\n      {\"entry\": %s, \"reason\": %s, \"count\": %d, \"more\": %d, \"files\": [",
			comma(i), orNull(g.Entry()), orNull(g.Reason), g.Count(), max(0, len(g.Files)-most))
		for j, f := range g.Files[:min(most, len(g.Files))] {
			fmt.Fprintf(b, "%s\n        {\"path\": %s, \"use\": %q, \"count\": %d}", comma(j), quoteJSON(f.Path), f.Use, f.Count)
		}
		b.WriteString("\n      ]}")
	}
	b.WriteString("],\n    \"connections\": [")
	for i, c := range m.Connections {
		fmt.Fprintf(b, "%s\n      {\"to\": %s, \"is_name\": %t, \"count\": %d}", comma(i), quoteJSON(c.To), c.IsName, c.Count)
	}
	fmt.Fprintf(b, "],\n    \"incomplete\": %s\n  }", orNull(m.Incomplete))
}

func comma(i int) string {
	if i > 0 {
		return ","
	}
	return ""
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return quoteJSON(s)
}

// quoteJSON writes a string of JSON. Bytes that are no UTF-8 become replacement
// characters, as encoding/json has it, which would slow each start down.
func quoteJSON(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f || r == utf8.RuneError || 0x2028 <= r && r <= 0x2029:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
