package rehearse

import (
	"encoding/json"
	"slices"
	"strings"

	"isolate-namespace/internal/regular"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/internal/text"
	"isolate-namespace/isolate"
)

// Missed is what a kernel looked for and its sandbox didn't show, as the launcher
// reports it (share/report.schema.json).
type Missed struct {
	Groups      []MissedGroup      `json:"groups"`
	Connections []MissedConnection `json:"connections"`
	Incomplete  *string            `json:"incomplete"` // why there may be more
}

// A MissedGroup is what one entry would show, or what has none for the same reason.
type MissedGroup struct {
	Entry  *string      `json:"entry"`
	Reason *string      `json:"reason"`
	Count  int          `json:"count"`
	More   int          `json:"more"` // files that aren't listed
	Files  []MissedFile `json:"files"`
}

// A MissedFile is a file, directory or program.
type MissedFile struct {
	Path  string `json:"path"`
	Use   string `json:"use"`
	Count int    `json:"count"`
}

// A MissedConnection is an address and a port, or a name that was looked up.
type MissedConnection struct {
	To     string `json:"to"`
	IsName bool   `json:"is_name"`
	Count  int    `json:"count"`
}

// maxReport is far more than a launcher reports, in bytes.
const maxReport = 16 << 20

// A launcherReport is the part of it that matters here.
type launcherReport struct {
	Limit  *string // that ended the kernel
	Missed *Missed
}

// readReport reads what the launcher wrote when the kernel had ended. It is empty if the
// launcher was killed.
func readReport(path string) (r launcherReport) {
	data, err := regular.Read(path, maxReport)
	if err != nil || json.Unmarshal(data, &r) != nil {
		return launcherReport{}
	}
	return r
}

// merge adds what another kernel missed, entry by entry.
func (m *Missed) merge(other *Missed) {
	if other == nil {
		return
	}
	for _, g := range other.Groups {
		i := slices.IndexFunc(m.Groups, func(known MissedGroup) bool {
			return textOf(known.Entry) == textOf(g.Entry) && textOf(known.Reason) == textOf(g.Reason)
		})
		if i < 0 {
			g.Files = slices.Clone(g.Files)
			m.Groups = append(m.Groups, g)
			continue
		}
		m.Groups[i].merge(&g)
	}
	for _, c := range other.Connections {
		if i := slices.IndexFunc(m.Connections, func(known MissedConnection) bool { return known.To == c.To }); i >= 0 {
			m.Connections[i].Count += c.Count
		} else {
			m.Connections = append(m.Connections, c)
		}
	}
	if m.Incomplete == nil {
		m.Incomplete = other.Incomplete
	}
}

// maxMissed is how many files of a group are kept of all notebooks.
const maxMissed = 100

func (g *MissedGroup) merge(other *MissedGroup) {
	g.Count += other.Count
	g.More = max(g.More, other.More)
	for _, f := range other.Files {
		switch i := slices.IndexFunc(g.Files, func(known MissedFile) bool { return known.Path == f.Path }); {
		case i >= 0:
			g.Files[i].Count += f.Count
		case len(g.Files) < maxMissed:
			g.Files = append(g.Files, f)
		default:
			g.More++
		}
	}
}

// changes reports whether the entry would let a kernel change what it shows.
func (g *MissedGroup) changes() bool {
	return slices.ContainsFunc(g.Files, func(f MissedFile) bool { return f.Use == "write" })
}

// lines says what a twin missed; and what helps, if no entry does.
func (m *Missed) lines(twin string) (lines []string) {
	all := &isolate.Missed{Incomplete: textOf(m.Incomplete)}
	for _, g := range m.Groups {
		group := isolate.MissedGroup{Reason: textOf(g.Reason)}
		for _, f := range g.Files {
			group.Files = append(group.Files, isolate.MissedFile{Path: f.Path, Use: f.Use, Count: f.Count})
		}
		all.Groups = append(all.Groups, group)
	}
	for _, c := range m.Connections {
		all.Connections = append(all.Connections, isolate.MissedConnection{To: c.To, IsName: c.IsName, Count: c.Count})
	}
	for i, missing := range remedy.Kernelspec.Missed(all) {
		line := missing.Reason
		options, reach := strings.CutPrefix(missing.Remedy, "add ")
		switch hasEntry := i < len(m.Groups) && m.Groups[i].Entry != nil; {
		case hasEntry || missing.Remedy == "":
		case reach:
			line += "; isolate-kernelspec update " + text.Quote(twin) + " " + options + " lets students' notebooks reach it, too"
		default:
			line += "; " + missing.Remedy
		}
		lines = append(lines, line)
	}
	return lines
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
