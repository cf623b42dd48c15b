package isolate

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A program is a list of system calls, prepared by the caller and carried out
// by a process that can do nothing else: a fork of a Go program, whose other
// threads, heap locks and scheduler did not come along (fork(2)). Everything
// that takes thought, memory or a decision happens while the list is made.
type program struct {
	calls []call
	notes []note    // notes[i] says what calls[i] is for
	mem   []byte    // strings and structures, addressed by offset
	ptrs  []pointer // places in mem that hold addresses of mem
	slots []uintptr // results of calls that later calls need
}

// newProgram returns an empty program with room for a usual one, since to grow
// it is most of the work of making it.
func newProgram() program {
	return program{
		calls: make([]call, 0, 1024), notes: make([]note, 0, 1024),
		mem: make([]byte, 0, 64<<10), slots: make([]uintptr, 0, 512),
	}
}

// A call is one system call.
type call struct {
	nr   uintptr
	args [6]arg
	into slot       // where the result goes; noSlot drops it
	copy int        // where in mem it goes as a C int, too; 0 is nowhere
	fine unix.Errno // an error that is as good as success, or one of the next two
}

// A note is what an error message says of a call.
type note struct {
	step step
	path string // what it is done to; may be empty
}

// An arg is a number, the result of an earlier call, or an address in mem.
type arg struct {
	kind  argKind
	value uintptr
}

type argKind uint8

const (
	number argKind = iota
	result
	address
)

// A slot holds the result of a call, a file descriptor as a rule.
type slot int

const noSlot slot = -1

// anyError marks a call that changes nothing for the worse when it fails.
const anyError unix.Errno = 1 << 15

// onlyZero marks a call of which any other result is an error, too.
const onlyZero unix.Errno = 1 << 14

// A pointer is an address that a structure in mem contains.
type pointer struct{ at, to int }

func num[T ~int | ~int32 | ~int64 | ~uint32 | ~uint64 | ~uintptr](v T) arg {
	return arg{number, uintptr(v)}
}

// cwd is what the at-family of system calls takes for "the working directory".
func cwd() arg { return num(unix.AT_FDCWD) }

func (s slot) arg() arg { return arg{result, uintptr(s)} }

// do appends a call whose result nobody needs.
func (p *program) do(n note, nr uintptr, args ...arg) *call {
	c := call{nr: nr, into: noSlot}
	copy(c.args[:], args)
	p.calls = append(p.calls, c)
	p.notes = append(p.notes, n)
	return &p.calls[len(p.calls)-1]
}

// get appends a call and returns the slot of its result.
func (p *program) get(n note, nr uintptr, args ...arg) slot {
	p.slots = append(p.slots, 0)
	s := slot(len(p.slots) - 1)
	p.do(n, nr, args...).into = s
	return s
}

// getInto is get for a result that a structure in mem contains as well, at the
// offset of at from its beginning.
func (p *program) getInto(structure arg, at int, n note, nr uintptr, args ...arg) slot {
	s := p.get(n, nr, args...)
	p.calls[len(p.calls)-1].copy = int(structure.value) + at
	return s
}

// close appends a close of each slot's descriptor.
func (p *program) close(slots ...slot) {
	for _, s := range slots {
		p.do(note{step: stepCloseDescriptor}, unix.SYS_CLOSE, s.arg())
	}
}

// str puts a NUL-terminated string into memory. The caller has made sure that
// s holds no NUL itself.
func (p *program) str(s string) arg {
	at := len(p.mem)
	p.mem = append(append(p.mem, s...), 0)
	return arg{address, uintptr(at)}
}

// data puts b into memory, aligned for any structure.
func (p *program) data(b []byte) arg {
	for len(p.mem)%8 != 0 {
		p.mem = append(p.mem, 0)
	}
	at := len(p.mem)
	p.mem = append(p.mem, b...)
	return arg{address, uintptr(at)}
}

// words puts 64-bit numbers into memory.
func (p *program) words(vs ...uint64) arg {
	var b []byte
	for _, v := range vs {
		b = binary.NativeEndian.AppendUint64(b, v)
	}
	return p.data(b)
}

// strings puts a NULL-terminated array of strings into memory, the form of
// argv and envp.
func (p *program) strings(ss []string) arg {
	addrs := make([]arg, len(ss))
	for i, s := range ss {
		addrs[i] = p.str(s)
	}
	array := p.words(make([]uint64, len(ss)+1)...)
	for i, a := range addrs {
		p.point(int(array.value)+8*i, a)
	}
	return array
}

// point makes the word at offset at of mem hold the address of to.
func (p *program) point(at int, to arg) {
	p.ptrs = append(p.ptrs, pointer{at, int(to.value)})
}

// load fixes the addresses. It is called once, when the list is complete.
func (p *program) load() {
	if len(p.mem) == 0 {
		p.mem = []byte{0}
	}
	base := p.base()
	for _, ptr := range p.ptrs {
		binary.NativeEndian.PutUint64(p.mem[ptr.at:], uint64(base)+uint64(ptr.to))
	}
	for i := range p.calls {
		for j := range p.calls[i].args {
			p.calls[i].args[j].locate(base)
		}
	}
}

// locate turns an address in mem into a number.
func (a *arg) locate(base uintptr) {
	if a.kind == address {
		*a = num(base + a.value)
	}
}

// base is where mem is, once it is complete.
func (p *program) base() uintptr { return uintptr(unsafe.Pointer(&p.mem[0])) }

// run carries out the calls in order, up to the first that fails, and returns
// that one's index. It runs in the forked child: no allocation, no stack
// growth, no pointer written, nothing called but system calls.
//
//go:nosplit
//go:norace
func (p *program) run() (failed int, errno unix.Errno) {
	for i := range p.calls {
		c := &p.calls[i]
		r, _, e := unix.RawSyscall6(c.nr,
			p.value(&c.args[0]), p.value(&c.args[1]), p.value(&c.args[2]),
			p.value(&c.args[3]), p.value(&c.args[4]), p.value(&c.args[5]))
		if r != 0 && c.fine == onlyZero && e == 0 {
			e = unix.EAGAIN
		}
		if e != 0 && e != c.fine && c.fine != anyError {
			return i, e
		}
		if c.into >= 0 {
			p.slots[c.into] = r
		}
		if c.copy > 0 {
			*(*int32)(unsafe.Pointer(&p.mem[c.copy])) = int32(r)
		}
	}
	return 0, 0
}

// value is what an argument stands for once load has run.
//
//go:nosplit
//go:norace
func (p *program) value(a *arg) uintptr {
	if a.kind == result {
		return p.slots[a.value]
	}
	return a.value
}
