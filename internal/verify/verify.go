// Package verify starts a kernel as Jupyter does and has it try to get out.
//
// Kernel is one trial from beginning to end: bait is laid out (bait.go), the
// kernel is started beside it and a front end's part is played
// (internal/frontend), and each check is reported (checks.go). What goes wrong with a
// twin is compared with its base (compare.go).
package verify

import (
	"context"
	"runtime"
	"sync"

	"isolate-namespace/internal/frontend"
	"isolate-namespace/kernelspec"
)

// A Check is one thing that was tried.
type Check struct {
	Name    string `json:"name"`
	Kind    Kind   `json:"kind"`
	Held    bool   `json:"held"`
	Unknown bool   `json:"unknown"`  // the probe gave no answer; counts as not held
	Plain   bool   `json:"as_plain"` // it fails, but the plain kernel fails the same way
	Detail  string `json:"detail"`
}

// Kind says what a check is about.
type Kind string

// Kinds of checks.
const (
	Protocol  Kind = "protocol"  // the kernel does what front ends want of it
	Isolation Kind = "isolation" // it doesn't do what its code could want of it
)

// A trial is one kernel that is being verified.
type trial struct {
	ctx      context.Context
	language string
	dialect  *dialect // nil for a language without probes
	report   func(Check)

	// plain returns what goes wrong without isolation, by check. It is nil if
	// nothing is isolated.
	plain func() map[string]string

	protocolOnly bool // without probes
	onGPU        bool // the kernel is a twin with --gpu, or its base
	sharesProc   bool // the kernel is a twin with --share-proc

	*bait
	*frontend.Process
}

// Kernel starts a kernel from its spec exactly as Jupyter does, speaks
// Jupyter's protocol with it, and has it try what an isolated one mustn't be
// able to do. It reports each check when it is done. The error says what kept
// Kernel from finding out.
//
// When ctx ends, so do the kernel and all that was laid out for it, nothing
// more is reported, and the error is that of ctx. If this process is killed,
// they end too, but for a directory that the next trial removes.
//
// Not every kernel does all that the protocol asks for: some end on an
// interrupt. A fault is held against a twin only if its base doesn't have it
// too.
func Kernel(ctx context.Context, j *kernelspec.Jupyter, kernel *kernelspec.Kernel, report func(Check)) error {
	// The processes that are started here end with this thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	t := &trial{ctx: ctx, report: report}
	if twin, err := j.FindTwin(kernel.Name); err == nil {
		t.sharesProc = twin.SharesProc()
		t.onGPU = twin.GPU != ""
		t.plain = sync.OnceValue(func() map[string]string { return plainFaults(ctx, j, twin) })
	}

	err := t.run(j, kernel)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Starts says why a kernel doesn't start; nil if it does.
func Starts(ctx context.Context, j *kernelspec.Jupyter, kernel *kernelspec.Kernel) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	t := &trial{ctx: ctx}
	err := t.begin(j, kernel)
	if err == nil {
		t.finish()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// run is one trial from beginning to end.
func (t *trial) run(j *kernelspec.Jupyter, kernel *kernelspec.Kernel) error {
	if err := t.begin(j, kernel); err != nil {
		return err
	}
	defer t.finish()
	return t.all()
}

// begin lays out the bait and starts the kernel. After an error nothing is left.
func (t *trial) begin(j *kernelspec.Jupyter, kernel *kernelspec.Kernel) error {
	argv, err := j.Command(kernel)
	if err != nil {
		return err
	}
	t.language = kernel.Spec.Language()
	t.dialect = dialectOf(t.language)

	if t.bait, err = layBait(j.DataDir); err != nil {
		return err
	}
	if err := t.prepare(argv, kernel.Spec); err != nil {
		t.bait.remove()
		return err
	}
	if err := t.Start(); err != nil {
		t.bait.remove()
		return t.explain(err)
	}
	return nil
}

// prepare makes the kernel's process, with what the probes look for in its
// environment.
func (t *trial) prepare(argv []string, spec kernelspec.Spec) (err error) {
	if t.Process, err = frontend.NewProcess(t.ctx, argv, spec.Expanded(), t.workDir(), t.connectionFile()); err != nil {
		return err
	}
	t.ByMessage = spec.InterruptsByMessage()
	t.Env = append(t.Env, "ISOLATE_VERIFY_TOKEN="+t.values["TOKEN"])
	return nil
}

// finish ends the kernel and removes the bait.
func (t *trial) finish() {
	t.Stop()
	t.bait.remove()
}
