package kernelspec

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Update makes an isolated spec again of its base as it is now, for the
// launcher given. Options and what a person changed by hand are kept.
func Update(twin *Twin, j *Jupyter, launcher string) (*Result, error) {
	base, err := j.Base(twin)
	if err != nil {
		return nil, err
	}
	fresh, notes, err := makeTwin(base, j, Options{Launcher: launcher})
	if err != nil {
		return nil, err
	}
	made := twin.Spec
	if r, err := readRecord(twin.Dir); err == nil {
		made = r.Made
	}
	spec, err := fresh.clone()
	if err != nil {
		return nil, err
	}
	merge(spec, made, twin.Spec)
	spec["argv"] = anySlice(mergeCommand(fresh.Argv(), made.Argv(), twin.Spec.Argv()))
	mergeDirs(spec.object("env"), fresh.object("env"), made.object("env"), twin.Spec.object("env"))
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	if err := write(spec, &record{Base: base.Spec, Made: fresh}, base.Dir, twin.Dir); err != nil {
		return nil, explainWrite(err, filepath.Dir(twin.Dir))
	}
	_, _, before := splitCommand(twin.Spec.Argv())
	if _, _, now := splitCommand(spec.Argv()); len(before) > 0 && before[0] != now[0] {
		notes = append(notes, fmt.Sprintf("its interpreter changes from %s to %s", before[0], now[0]))
	}
	return &Result{Name: twin.Name, Dir: twin.Dir, Notes: notes}, nil
}

// merge puts into fresh what current has otherwise than made, which is what a
// person changed.
func merge(fresh, made, current map[string]any) {
	names := maps.Clone(made)
	if names == nil {
		names = map[string]any{}
	}
	maps.Copy(names, current)
	for name := range names {
		was, wasThere := made[name]
		is, isThere := current[name]
		wasObject, _ := was.(map[string]any)
		isObject, _ := is.(map[string]any)
		freshObject, _ := fresh[name].(map[string]any)
		switch {
		case name == metadataKey || wasThere == isThere && reflect.DeepEqual(was, is):
		case isObject != nil && freshObject != nil:
			merge(freshObject, wasObject, isObject)
		case isThere:
			fresh[name] = is
		default:
			delete(fresh, name)
		}
	}
}

// mergeCommand takes the launcher from fresh, its options from current, and the
// kernel's command from fresh unless a person changed it. The variables that
// the base sets are let in, those that it set before and doesn't now are not.
func mergeCommand(fresh, made, current []string) []string {
	launcher, letIn, kernel := splitCommand(fresh)
	_, before, oldKernel := splitCommand(made)
	_, options, kernelNow := splitCommand(current)
	options = slices.Clone(options)
	for i := 0; i+1 < len(before); i += 2 { // all are --env NAME
		if !slices.Contains(letIn, before[i+1]) {
			if at := slices.Index(options, before[i+1]); at > 0 && options[at-1] == "--env" {
				options = slices.Delete(options, at-1, at+1)
			}
		}
	}
	for i := 0; i+1 < len(letIn); i += 2 {
		if !slices.Contains(options, letIn[i+1]) {
			options = append(options, letIn[i:i+2]...)
		}
	}
	if !slices.Equal(kernelNow, oldKernel) {
		kernel = kernelNow
	}
	return slices.Concat([]string{launcher}, options, []string{"--"}, kernel)
}

// mountEntry is one of MNTDIRS_KERNEL, with its escaped spaces.
var mountEntry = regexp.MustCompile(`(?:\\.|\S)+`)

// mergeDirs is merge for MNTDIRS_KERNEL, entry by entry.
func mergeDirs(to, fresh, made, current map[string]any) {
	entries := func(env map[string]any) []string {
		text, _ := env["MNTDIRS_KERNEL"].(string)
		return mountEntry.FindAllString(text, -1)
	}
	was, is := entries(made), entries(current)
	var merged []string
	for _, entry := range entries(fresh) {
		if removed := slices.Contains(was, entry) && !slices.Contains(is, entry); !removed {
			merged = append(merged, entry)
		}
	}
	for _, entry := range is {
		if !slices.Contains(was, entry) && !slices.Contains(merged, entry) {
			merged = append(merged, entry)
		}
	}
	to["MNTDIRS_KERNEL"] = strings.Join(merged, " ")
}

// Remove removes an isolated spec, which disappears at once and whole.
func Remove(twin *Twin) error {
	kernels := filepath.Dir(twin.Dir)
	aside, err := os.MkdirTemp(filepath.Dir(kernels), ".isolate-")
	if err != nil {
		return explainWrite(err, kernels)
	}
	defer os.RemoveAll(aside)
	return explainWrite(os.Rename(twin.Dir, filepath.Join(aside, "old")), kernels)
}
