// Package gen writes the system-call filters of a sandbox. It runs when the
// project is built (go generate) and tested, never in a sandbox: package
// seccomp holds the finished filters as constants, since to assemble one costs
// a process start more than all the namespaces together.
package gen

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

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
	a := assembler{rules: map[string]place{}}
	a.search(ranges(machine, kind))

	// The number means nothing before the architecture is known: the 32-bit
	// entry of the same processor counts differently.
	const numberAt, archAt = 0, 4
	byNumber := a.load(numberAt)
	foreign := a.ret(errnoAction(unix.ENOSYS))
	a.jump(bpf.JumpEqual, uint32(machine.ID), byNumber, foreign)
	a.load(archAt)
	return a.program(), nil
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
