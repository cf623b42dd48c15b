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
