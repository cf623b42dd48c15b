package remedy

import (
	"fmt"
	"slices"
	"strings"

	"isolate-namespace/isolate"
)

// Caveats say, each on a line of its own, what isn't as a person may think of a
// sandbox that was started, and what to do about it.
func (c Command) Caveats(cmd *isolate.Cmd) []string {
	lines := []string{c.caveat(cmd.InForce()), unshown(cmd.Unshown())}
	return slices.DeleteFunc(lines, func(line string) bool { return line == "" })
}

// Uncopied says, on a line for each CopyOnWrite mount, what the program can't change
// there, and what to do about it.
func Uncopied(cmd *isolate.Cmd) (lines []string) {
	for _, u := range cmd.Uncopied() {
		files, size := isolate.CopyLimits()
		what := u.First
		switch {
		case u.Count == 2:
			what += " and 1 other"
		case u.Count > 2:
			what += fmt.Sprintf(" and %d others", u.Count-1)
		}

		why := fmt.Sprintf("of another owner or group, of which no more than %d, with %d MiB, are copied", files, size>>20)
		switch {
		case u.Closed:
			why = "of another owner or group, which can't be read and so isn't copied"
		case u.More && u.Count > 0:
			why += fmt.Sprintf(", and perhaps more beyond the first %d", u.Looked)
		case u.More:
			what, why = "what has another owner or group", fmt.Sprintf("if it isn't among the first %d files there", u.Looked)
		}
		remedy := "name the directories that the program changes, each with cow:"
		if u.Closed {
			remedy = "make it readable"
		}
		lines = append(lines, fmt.Sprintf("can't be changed in cow:%s: %s, %s; %s", u.Source, what, why, remedy))
	}
	return lines
}

// caveat says which limits that were set bound each process by itself.
func (c Command) caveat(inForce []isolate.InForce) string {
	var each []string
	for _, f := range inForce {
		if f.EachProcess() {
			each = append(each, "--"+f.Limit+" "+f.Value)
		}
	}
	if each == nil {
		return ""
	}
	return "for each process by itself: " + strings.Join(each, ", ") + ", since no cgroup can be made here; " + c.Group()
}

// unshown says of which automounters' directories nothing is shown.
func unshown(places []string) string {
	const most = 3 // that a line can hold
	if more := len(places) - most; more > 0 {
		places = append(slices.Clone(places[:most]), fmt.Sprintf("%d more", more))
	}
	if len(places) == 0 {
		return ""
	}
	return "not shown, since an automounter mounts there whatever is looked for: " + strings.Join(places, ", ") +
		"; name the directories below that the program needs"
}
