package kernelspec

import (
	"fmt"
	"path/filepath"
	"slices"

	"isolate-namespace/internal/pathname"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// The debugger of Python's kernels is a package, debugpy, whose import is a large part
// of a kernel's start. A kernel that doesn't find it starts without a debugger
// (ipykernel/debugger.py). So a twin without a debugger masks every copy of debugpy
// that its Python could import.

// debuggerKey is where a kernelspec tells front ends whether its kernels can be
// debugged, and where a twin says that its debugger is left out.
const debuggerKey = "debugger"

// leavesOut reports whether a spec is that of a twin without a debugger.
func leavesOut(spec Spec) bool {
	metadata, _ := spec["metadata"].(map[string]any)
	own, _ := metadata[metadataKey].(map[string]any)
	debugger, said := own[debuggerKey].(bool)
	return said && !debugger
}

// leaveOutDebugger masks the debugger of a kernel that runs a program. It refuses one
// that it can't mask, and notes that there is none.
func (n *need) leaveOutDebugger(base *Kernel, program string) error {
	if !isPython(program, base.Spec.Language()) {
		metadata, _ := base.Spec["metadata"].(map[string]any)
		if metadata[debuggerKey] == true {
			return &Error{Reason: fmt.Sprintf("%s has a debugger that can't be left out: %s is no Python", base.Name, program),
				Remedy: remedy.KeepDebugger}
		}
		n.notes = append(n.notes, fmt.Sprintf("%s has no debugger that could be left out: %s is no Python", base.Name, program))
		return nil
	}

	said, err := askPython(program, base.Spec.environ())
	if err != nil {
		return &Error{Reason: fmt.Sprintf("ask the kernel's interpreter where its debugger is: %v", err), Remedy: remedy.RunInterpreter}
	}
	for _, dir := range said.Debugger {
		if n.shows(dir) || shownByBase(dir) {
			n.masked = append(n.masked, dir)
		}
	}
	if n.masked == nil {
		n.notes = append(n.notes, fmt.Sprintf("%s has no debugger that could be left out: %s has no debugpy", base.Name, program))
	}
	return nil
}

// shownDebugger returns the copies of debugpy that the kernels of a twin without a
// debugger see, since they were installed after it was made. One that a person shows
// again by hand is meant.
func (t *Twin) shownDebugger() (copies []string) {
	program, masked := t.Spec.Command().Kernel[0], maskedBy(t.Spec)
	if made, err := readRecord(t.Dir); err == nil {
		masked = append(masked, maskedBy(made.Made)...)
		if len(made.Ends) > 0 {
			program = made.Ends[0]
		}
	}
	if !isPython(program, t.Language) {
		return nil
	}
	said, err := askPython(program, t.Spec.environ())
	if err != nil {
		return nil // which the twin's state says already
	}
	for _, dir := range said.Debugger {
		within := func(mask string) bool { return pathname.Within(dir, mask) }
		if t.sees(dir) && !slices.ContainsFunc(masked, within) {
			copies = append(copies, dir)
		}
	}
	return copies
}

// maskedBy returns the paths that a spec's mounts mask.
func maskedBy(spec Spec) (paths []string) {
	for _, m := range mounts(spec) {
		if m.Access == isolate.AccessMasked && filepath.IsAbs(m.Target) {
			paths = append(paths, m.Target)
		}
	}
	return paths
}
