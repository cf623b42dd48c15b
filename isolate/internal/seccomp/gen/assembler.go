package gen

import (
	"math"
	"slices"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// An assembler writes a filter from its end to its beginning. A filter jumps
// forward only: whatever an instruction jumps to is written already, and how far
// it is is known. (The library's own assembler, which goes the other way, counts
// wrongly where it puts in a long jump between a jump and its destination.)
type assembler struct {
	written []bpf.Instruction // the last one first
	rules   map[string]place  // by name
}

// A place is an instruction, counted from the end: 1 is the last one.
type place int

// program returns the filter, its first instruction first.
func (a *assembler) program() []bpf.Instruction {
	program := slices.Clone(a.written)
	slices.Reverse(program)
	return program
}

// put writes an instruction before all others.
func (a *assembler) put(instruction bpf.Instruction) place {
	a.written = append(a.written, instruction)
	return place(len(a.written))
}

// load loads 32 bits of struct seccomp_data, seccomp(2).
func (a *assembler) load(offset uint32) place {
	return a.put(bpf.LoadAbsolute{Off: offset, Size: 4})
}

// loadArgument loads the low half of a system call's argument, or the high one.
// All machines that we run on have the low half first.
func (a *assembler) loadArgument(argument uint32, high bool) place {
	const arguments, half = 16, 4
	offset := arguments + 2*half*argument
	if high {
		offset += half
	}
	return a.load(offset)
}

func (a *assembler) ret(action seccomp.Action) place {
	return a.put(bpf.RetConstant{Val: uint32(action)})
}

func errnoAction(e unix.Errno) seccomp.Action { return seccomp.ActionErrno | seccomp.Action(e) }

// jump goes to one of two places, as what is loaded compares with value.
func (a *assembler) jump(how bpf.JumpTest, value uint32, yes, no place) place {
	yes, no = a.near(yes), a.near(no)
	here := place(len(a.written))
	return a.put(bpf.JumpIf{Cond: how, Val: value, SkipTrue: uint8(here - yes), SkipFalse: uint8(here - no)})
}

// near returns a place that a conditional jump reaches which does what far does. One
// instruction more may come between.
func (a *assembler) near(far place) place {
	skip := place(len(a.written)) - far
	if skip < math.MaxUint8 {
		return far
	}
	if ret, ok := a.written[far-1].(bpf.RetConstant); ok {
		return a.put(ret)
	}
	return a.put(bpf.Jump{Skip: uint32(skip)})
}

// verdict returns where a rule is carried out.
func (a *assembler) verdict(r rule) place {
	at, known := a.rules[r.name]
	if !known {
		at = r.write(a)
		a.rules[r.name] = at
	}
	return at
}

// search finds the span of the number that is loaded, by halving.
func (a *assembler) search(spans spans) place {
	if len(spans) == 1 {
		return a.verdict(spans[0].rule)
	}
	half := len(spans) / 2
	high := a.search(spans[half:])
	low := a.search(spans[:half])
	return a.jump(bpf.JumpGreaterOrEqual, spans[half].from, high, low)
}
