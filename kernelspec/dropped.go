package kernelspec

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"isolate-namespace/internal/text"
	"isolate-namespace/isolate"
)

// dropped returns what a person has given the twin in dir, by options or
// by hand, and the fresh spec that replaces it doesn't have, in words for a person.
func dropped(dir string, current, fresh Spec) []string {
	made := current // of a version that kept no record
	if r, err := readRecord(dir); err == nil {
		made = r.Made
	}
	var lost []string
	command, freshCommand := current.Command(), fresh.Command()
	for _, o := range command.Options.Without(freshCommand.Options) {
		// makeTwin lets in the variables of the spec itself.
		if _, own := current.object("env")[o.Value]; o.Name != "--env" || !own {
			lost = append(lost, o.String())
		}
	}

	if leavesOut(current) && !leavesOut(fresh) {
		lost = append(lost, "--no-debugger")
	}

	if display := current.text("display_name"); display != made.text("display_name") && display != fresh.text("display_name") {
		lost = append(lost, "--display-name "+text.Quote(display))
	}

	env := current.object("env")
	for _, name := range slices.Sorted(maps.Keys(env)) {
		value, _ := env[name].(string)
		if value == made.object("env")[name] || value == fresh.object("env")[name] {
			continue
		}
		if name == "MNTDIRS_KERNEL" {
			was, _ := made.object("env")[name].(string)
			value = added(was, value)
		}
		if value != "" {
			lost = append(lost, name+"="+text.Quote(value))
		}
	}

	if !slices.Equal(command.Kernel, made.Command().Kernel) && !slices.Equal(command.Kernel, freshCommand.Kernel) {
		lost = append(lost, "its own command")
	}
	for _, key := range slices.Sorted(maps.Keys(current)) {
		if !slices.Contains([]string{"argv", "env", "display_name", "metadata"}, key) &&
			!reflect.DeepEqual(current[key], made[key]) && !reflect.DeepEqual(current[key], fresh[key]) {
			lost = append(lost, "its own "+key)
		}
	}

	return lost
}

// added returns the entries of MNTDIRS_KERNEL that weren't there.
func added(was, is string) string {
	before := isolate.SplitEntries(was)
	return strings.Join(slices.DeleteFunc(isolate.SplitEntries(is), func(entry string) bool { return slices.Contains(before, entry) }), " ")
}
