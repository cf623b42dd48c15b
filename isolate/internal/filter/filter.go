// Package filter writes the system-call filters of a sandbox. It runs when the
// project is built (go generate) and tested, never in a sandbox: package
// isolate holds the finished filters as constants, since to assemble one costs
// a process start more than all the namespaces together.
package filter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Kind says for which policy a filter is.
type Kind int

const (
	// Closed is the filter of every sandbox.
	Closed Kind = iota
	// Nesting leaves what another sandbox inside needs.
	Nesting
)

// Assemble returns the filter for one architecture (amd64, arm64), as the
// struct sock_filter that seccomp(2) takes, one after the other.
func Assemble(goarch string, kind Kind) ([]byte, error) {
	program, err := assemble(goarch, kind)
	if err != nil {
		return nil, err
	}
	raw, err := bpf.Assemble(program)
	if err != nil {
		return nil, fmt.Errorf("assemble the filter for %s: %w", goarch, err)
	}
	var out bytes.Buffer
	err = binary.Write(&out, binary.LittleEndian, raw) // both architectures are
	return out.Bytes(), err
}

func assemble(goarch string, kind Kind) ([]bpf.Instruction, error) {
	machine, err := arch.GetInfo(goarch)
	if err != nil {
		return nil, err
	}
	a := assembler{Program: seccomp.NewProgram(), labels: map[string]seccomp.Label{}}
	a.search(ranges(machine, kind))
	a.define()
	body, err := a.Assemble()
	if err != nil {
		return nil, fmt.Errorf("assemble the filter for %s: %w", goarch, err)
	}
	for i, instruction := range body {
		if instruction == (bpf.RetConstant{Val: uint32(seccomp.ActionErrno) | pretended}) {
			body[i] = bpf.RetConstant{Val: uint32(seccomp.ActionErrno)}
		}
	}
	// The number means nothing before the architecture is known: the 32-bit
	// entry of the same processor counts differently.
	const numberAt, archAt, word = 0, 4, 4
	return append([]bpf.Instruction{
		bpf.LoadAbsolute{Off: archAt, Size: word},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(machine.ID), SkipTrue: 1},
		bpf.RetConstant{Val: uint32(seccomp.ActionErrno) | uint32(unix.ENOSYS)},
		bpf.LoadAbsolute{Off: numberAt, Size: word},
	}, body...), nil
}

// A span is a run of numbers with one rule, up to the next span.
type span struct {
	from uint32
	rule rule
}

// Spans decide every number, the first from 0 on.
type spans []span

// add begins a span. It takes the place of one that begins at the same number,
// and is none where the one before has the same rule.
func (s *spans) add(from uint32, r rule) {
	if last := len(*s) - 1; (*s)[last].from == from {
		*s = (*s)[:last]
	}
	if last := len(*s) - 1; last < 0 || (*s)[last].rule.name != r.name {
		*s = append(*s, span{from, r})
	}
}

// ranges decides every system call: those in the table by their names, those
// between and after them as a kernel does that has never heard of them. What
// comes with a later Linux, and the x32 entry of amd64, is after them.
func ranges(machine *arch.Info, kind Kind) spans {
	rules := rulesFor(kind)
	unknown := errno(unix.ENOSYS)
	all := spans{{0, unknown}}
	for _, number := range slices.Sorted(maps.Keys(machine.SyscallNumbers)) {
		r, named := rules[machine.SyscallNumbers[number]]
		if !named {
			r = allow()
		}
		all.add(uint32(number), r)
		all.add(uint32(number)+1, unknown)
	}
	return all
}

// An assembler adds to the library's one what a filter needs beyond lists.
type assembler struct {
	seccomp.Program
	labels map[string]seccomp.Label // of rules, by name
	tests  []rule                   // jumped to and not yet written
	ends   []rule                   // the same
}

// verdict is where a rule is carried out.
func (a *assembler) verdict(r rule) seccomp.Label {
	label, ok := a.labels[r.name]
	if !ok {
		label = a.NewLabel()
		a.labels[r.name] = label
		if r.end {
			a.ends = append(a.ends, r)
		} else {
			a.tests = append(a.tests, r)
		}
	}
	return label
}

// search finds the span of the number that is loaded, by halving.
func (a *assembler) search(spans spans) {
	if len(spans) == 2 {
		a.JmpIf(bpf.JumpGreaterOrEqual, spans[1].from, a.verdict(spans[1].rule), a.verdict(spans[0].rule))
		return
	}
	half := len(spans) / 2
	if half == 1 { // three spans
		low := a.NewLabel()
		a.JmpIf(bpf.JumpGreaterOrEqual, spans[1].from, low, a.verdict(spans[0].rule))
		a.SetLabel(low)
		a.search(spans[1:])
		return
	}
	low, high := a.NewLabel(), a.NewLabel()
	a.JmpIf(bpf.JumpGreaterOrEqual, spans[half].from, high, low)
	a.SetLabel(low)
	a.search(spans[:half])
	a.SetLabel(high)
	a.search(spans[half:])
}

// define writes down the rules that were jumped to. A filter jumps forward
// only: the ends come after all tests.
func (a *assembler) define() {
	for i := 0; i < len(a.tests); i++ { // a test may add tests
		a.SetLabel(a.labels[a.tests[i].name])
		a.tests[i].write(a)
	}
	for _, r := range a.ends {
		a.SetLabel(a.labels[r.name])
		r.write(a)
	}
}
