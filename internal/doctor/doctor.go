// Package doctor says what a machine can do for isolated kernels.
//
// What a sandbox needs is found out by making one (machine.go). A row that
// follows from another says so, in place of a remedy that wouldn't help. Then
// come Jupyter and each twin (kernels.go).
package doctor

import (
	"isolate-namespace/isolate"
	"isolate-namespace/kernelspec"
)

// A Health says how good one thing is for isolating kernels.
type Health string

// Healths of a thing.
const (
	Good    Health = "ok"
	Weaker  Health = "weaker"  // kernels are isolated with less, or less convenient
	Missing Health = "missing" // no kernel starts without it, or this one doesn't start
	Unknown Health = "unknown" // it couldn't be looked at
)

// A Finding is one thing that Examine looked at.
type Finding struct {
	Name   string `json:"name"`
	Health Health `json:"health"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"` // empty if nothing is amiss, or another finding has it
}

// A Report is all that Examine found.
type Report struct {
	Machine []Finding // what every isolated kernel needs
	Kernels []Finding // Jupyter, and each twin
}

// Findings returns all of them, in the order in which one depends on another.
func (r *Report) Findings() []Finding {
	return append(r.Machine[:len(r.Machine):len(r.Machine)], r.Kernels...)
}

// CanIsolate reports whether nothing is missing that every isolated kernel needs.
func (r *Report) CanIsolate() bool { return !anyMissing(r.Machine) }

// AllStart reports whether each twin could start a kernel, and others could be made.
func (r *Report) AllStart() bool { return !anyMissing(r.Findings()) }

func anyMissing(findings []Finding) bool {
	for _, f := range findings {
		if f.Health == Missing {
			return true
		}
	}
	return false
}

// Examine looks at this machine, at the launcher that is expected at the path
// launcher, and at the kernels that Jupyter finds.
func Examine(launcher string, launcherErr error) *Report {
	m := lookAtMachine()
	linux := kernel(m.sandbox)
	machine := []Finding{
		linux, m.sandboxItself(), appArmor(m.sandbox), landlock(linux), seccomp(m.sandbox),
		coreDumps(), m.limits(), m.copyOnWrite(), launcherItself(launcher, launcherErr),
	}
	return &Report{machine, kernels(m, launcher)}
}

// A machine is what the other findings depend on.
type machine struct {
	sandbox error          // why none can be made
	ownProc error          // why none can be made that has a /proc of its own
	policy  isolate.Policy // with which one can be made, if any can
}

func lookAtMachine() (m machine) {
	m.sandbox = try(m.policy)
	m.ownProc = m.sandbox
	if shared := (isolate.Policy{ShareProc: true}); m.sandbox != nil && try(shared) == nil {
		m.sandbox, m.policy = nil, shared
	}
	return m
}

// try runs a program that does nothing in a sandbox.
func try(p isolate.Policy) error {
	_, err := run(p, "/bin/true")
	return err
}

// run runs a program in a sandbox.
func run(p isolate.Policy, name string, arg ...string) (isolate.Report, error) {
	p.Dir = "/"
	cmd := isolate.Command(p, name, arg...)
	err := cmd.Run()
	return cmd.Report(), err
}

// notLookedAt returns the finding on a thing that only a sandbox shows, if there is
// none. The finding on the sandbox has the remedy.
func notLookedAt(name string) Finding {
	return Finding{name, Unknown, "not looked at: no sandbox can be made", ""}
}

func launcherItself(launcher string, err error) Finding {
	if err != nil {
		return Finding{"launcher", Missing, err.Error(), kernelspec.Remedy(err)}
	}
	return Finding{"launcher", Good, launcher, ""}
}
