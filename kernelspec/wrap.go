package kernelspec

import (
	"context"

	"isolate-namespace/internal/remedy"
)

// A Start is what starts a kernel in a sandbox that has no twin.
type Start struct {
	Argv  []string          `json:"argv"`
	Env   map[string]string `json:"env"` // what the kernel's environment has in addition
	Notes []string          `json:"notes"`
}

// Wrap says how to start a kernel in a sandbox without a twin. The kernel's command is
// as Jupyter would run it, with {connection_file} in place of the file's path, and our
// own environment is the one that Jupyter would run it in. If only what Wrap looks at
// is as before, it knows the answer from a file in the user's cache.
func Wrap(ctx context.Context, base *Kernel, o Options) (*Start, error) {
	known := newMemo(base, o)
	if start := known.recall(); start != nil {
		return start, nil
	}

	made, err := makeTwin(ctx, base, &Jupyter{}, o)
	if err != nil {
		return nil, err
	}
	spec, err := made.spec.with(Options{Sandbox: o.Sandbox})
	if err != nil {
		return nil, err
	}
	start := &Start{Argv: spec.Argv(), Env: map[string]string{}, Notes: append([]string{}, made.notes...)}
	if metadata, _ := base.Spec["metadata"].(map[string]any); o.NoDebugger && metadata[debuggerKey] == true {
		start.Notes = append(start.Notes, "front ends still offer a debugger, which won't start; "+remedy.SayNoDebugger(base.Dir))
	}
	own := base.Spec.Env()
	for name, value := range spec.Env() {
		if _, set := own[name]; !set {
			start.Env[name] = value
		}
	}

	if made.asked != nil {
		known.keep(start, append(made.asked, base.Dir))
	}
	return start, nil
}
