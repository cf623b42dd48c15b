package remedy

import (
	"fmt"
	"strings"

	"isolate-namespace/internal/text"
	"isolate-namespace/isolate"
)

// Missed says, each on a line of its own, what a program looked for and the sandbox
// didn't show, and what to do about it. m may be nil.
func (c Command) Missed(m *isolate.Missed) (lines []Missing) {
	if m == nil {
		return nil
	}
	const most = 20 // lines, which a person reads
	for _, g := range m.Groups[:min(most, len(m.Groups))] {
		lines = append(lines, c.missedFiles(&g))
	}
	if more := len(m.Groups) - most; more > 0 {
		lines = append(lines, Missing{fmt.Sprintf("looked for and not shown: what %d more entries would show", more), "--report has all"})
	}
	if len(m.Connections) > 0 {
		lines = append(lines, c.missedConnections(m.Connections))
	}
	if m.Incomplete != "" {
		lines = append(lines, Missing{"what was looked for isn't listed whole: " + m.Incomplete, ""})
	}
	return lines
}

// A Missing is a line of Missed: the reason, and the remedy, which may be empty.
type Missing struct{ Reason, Remedy string }

// mostMissing is how many paths a line names.
const mostMissing = 3

func (c Command) missedFiles(g *isolate.MissedGroup) Missing {
	reason := "looked for and not shown: "
	remedy := ""
	switch g.Reason {
	case "":
		remedy = c.toMount(text.Quote(g.Entry()))
	case isolate.MissedSecret:
		reason = "looked for and not shown, since secrets may lie there: "
		remedy = "name what the program may read by itself, if anything"
	case isolate.MissedService:
		reason = "looked for and not shown, since a service listens there: "
		remedy = "name its directory if the program may command the service"
	case isolate.MissedDevice:
		reason = "looked for and not shown, since it is a device: "
		remedy = c.toAdd("--device " + text.Quote(g.Files[0].Path))
	case isolate.MissedWide:
		remedy = "name the directories below that the program needs"
	case isolate.MissedCovered:
		reason = "looked for and covered by something empty: "
		remedy = "remove the entry that covers it, if the program needs it"
	case isolate.MissedPartly:
		reason = "listed, and shown only in part: "
		remedy = "name what the program needs there"
	case isolate.MissedUnwritten:
		remedy = "an entry for such a name can't be typed; name the directory above"
	}

	var names []string
	for _, f := range g.Files[:min(mostMissing, len(g.Files))] {
		names = append(names, f.Path+times(f.Count))
	}
	return Missing{reason + join(names, len(g.Files)), remedy}
}

// toMount returns what to do for an entry to be there.
func (c Command) toMount(entry string) string {
	if c == Isolate {
		return "add " + entry
	}
	return "isolate-kernelspec update TWIN --mount " + entry + " shows it"
}

// toAdd returns what to do for an option to be there.
func (c Command) toAdd(option string) string {
	if c == Isolate {
		return "add " + option
	}
	return "isolate-kernelspec update TWIN " + option + " adds it"
}

func (c Command) missedConnections(all []isolate.MissedConnection) Missing {
	var names, options []string
	for _, to := range all[:min(mostMissing, len(all))] {
		name, option := to.To+times(to.Count), "--connect "+to.To
		switch {
		case to.IsName && !strings.Contains(to.To, "."):
			name, option = to.To, "--connect "+text.Quote(to.To)+":PORT"
		case to.IsName: // the library decides how often it asks
			name, option = to.To, "--allow-host "+text.Quote(to.To)
		}
		names, options = append(names, name), append(options, option)
	}
	return Missing{"not reached: " + join(names, len(all)), "add " + strings.Join(options, " ")}
}

// join lists names and says how many more there are.
func join(names []string, all int) string {
	listed := strings.Join(names, ", ")
	if more := all - len(names); more > 0 {
		listed += fmt.Sprintf(" and %d more", more)
	}
	return listed
}

func times(count int) string {
	if count == 1 {
		return ""
	}
	return fmt.Sprintf(" (%d times)", count)
}
