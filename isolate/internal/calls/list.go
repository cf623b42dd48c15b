// Package calls prepares a list of system calls in one process, to be carried
// out by another.
//
// The other one is a fork of a Go program, without its other threads and its
// scheduler, and with its heap locked in any state (fork(2)). What runs there is in
// run.go: it allocates nothing, grows no stack, writes no pointer, and calls nothing
// but system calls.
package calls

import (
	"encoding/binary"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// New returns an empty list with room for the calls of a usual sandbox, since
// growing is most of the work of making a list.
func New() List {
	return List{
		Loaded: Loaded{calls: make([]Call, 0, 1024), mem: make([]byte, 0, 64<<10), slots: make([]uintptr, 0, 512)},
		notes:  make([]Note, 0, 1024),
	}
}

// NewIn returns an empty list in memory that another process shares, as long as it fits
// there: see IsIn.
func NewIn(memory []byte) List {
	const callSize, slotSize = int(unsafe.Sizeof(Call{})), int(unsafe.Sizeof(uintptr(0)))
	eighth := len(memory) / 8 &^ 7
	slots, mem, calls := memory[:eighth], memory[eighth:4*eighth], memory[4*eighth:]
	return List{
		Loaded: Loaded{
			slots: unsafe.Slice((*uintptr)(unsafe.Pointer(&slots[0])), len(slots)/slotSize)[:0],
			mem:   mem[:0:len(mem)],
			calls: unsafe.Slice((*Call)(unsafe.Pointer(&calls[0])), len(calls)/callSize)[:0],
		},
		notes: make([]Note, 0, 1024),
	}
}

// IsIn reports whether the list is still in the memory that it began in.
func (l *List) IsIn(memory []byte) bool {
	from := uintptr(unsafe.Pointer(&memory[0]))
	for _, at := range []uintptr{
		uintptr(unsafe.Pointer(unsafe.SliceData(l.calls))), uintptr(unsafe.Pointer(unsafe.SliceData(l.slots))), l.base(),
	} {
		if at < from || at >= from+uintptr(len(memory)) {
			return false
		}
	}
	return true
}

// A Note says what a call is for, for error messages.
type Note struct {
	Step Step
	Path string // what it is done to; may be empty
}

// A pointer is an address that a structure in memory contains.
type pointer struct{ at, to int }

// Num returns a number as an argument.
func Num[T ~int | ~int32 | ~int64 | ~uint32 | ~uint64 | ~uintptr](v T) Arg {
	return Arg{number, uintptr(v)}
}

// CWD returns the argument by which the at-family of system calls means the working
// directory.
func CWD() Arg { return Num(unix.AT_FDCWD) }

// Arg returns the result that s will hold as an argument.
func (s Slot) Arg() Arg { return Arg{result, uintptr(s)} }

// Do appends a call whose result nobody needs.
func (l *List) Do(n Note, nr uintptr, args ...Arg) *Call {
	c := Call{Number: nr, into: int32(NoSlot)}
	for i, a := range args {
		c.args[i], c.kinds[i] = a.value, a.kind
	}
	l.calls = append(l.calls, c)
	l.notes = append(l.notes, n)
	return &l.calls[len(l.calls)-1]
}

// Get appends a call and returns the slot of its result.
func (l *List) Get(n Note, nr uintptr, args ...Arg) Slot {
	l.slots = append(l.slots, 0)
	s := Slot(len(l.slots) - 1)
	l.Do(n, nr, args...).into = int32(s)
	return s
}

// GetInto is Get, and also puts the result into a structure in memory, at the offset
// at from its beginning.
func (l *List) GetInto(structure Arg, at int, n Note, nr uintptr, args ...Arg) Slot {
	s := l.Get(n, nr, args...)
	l.Last().copy = int32(structure.value) + int32(at)
	return s
}

// Last returns the call that was appended last.
func (l *List) Last() *Call { return &l.calls[len(l.calls)-1] }

// Close appends a close of each slot's descriptor.
func (l *List) Close(slots ...Slot) {
	for _, s := range slots {
		l.Do(CloseDescriptor.Of(""), unix.SYS_CLOSE, s.Arg())
	}
}

// WriteFile appends the calls that write content to an existing file.
func (l *List) WriteFile(n Note, at Arg, path, content string) {
	f := l.Get(n, unix.SYS_OPENAT, at, l.Str(path), Num(unix.O_WRONLY|unix.O_CLOEXEC), Num(0))
	l.Do(n, unix.SYS_WRITE, f.Arg(), l.Data([]byte(content)), Num(len(content)))
	l.Close(f)
}

// Str puts a NUL-terminated string into memory. s must not contain a NUL.
func (l *List) Str(s string) Arg {
	at := len(l.mem)
	l.mem = append(append(l.mem, s...), 0)
	return Arg{address, uintptr(at)}
}

// Data puts b into memory, aligned for any structure.
func (l *List) Data(b []byte) Arg {
	for len(l.mem)%8 != 0 {
		l.mem = append(l.mem, 0)
	}
	at := len(l.mem)
	l.mem = append(l.mem, b...)
	return Arg{address, uintptr(at)}
}

// Words puts 64-bit numbers into memory.
func (l *List) Words(vs ...uint64) Arg {
	var b []byte
	for _, v := range vs {
		b = binary.NativeEndian.AppendUint64(b, v)
	}
	return l.Data(b)
}

// Strings puts a NULL-terminated array of strings into memory, as argv and envp are.
func (l *List) Strings(ss []string) Arg {
	addrs := make([]Arg, len(ss))
	for i, s := range ss {
		addrs[i] = l.Str(s)
	}
	array := l.Words(make([]uint64, len(ss)+1)...)
	for i, a := range addrs {
		l.Point(array, 8*i, a)
	}
	return array
}

// Point puts the address of to into a structure in memory, at the offset at.
func (l *List) Point(structure Arg, at int, to Arg) {
	l.ptrs = append(l.ptrs, pointer{int(structure.value) + at, int(to.value)})
}

// Load fills in the addresses that the calls since the last Load need. A list that
// another process shares stays where it is; any other can be loaded once, when it is
// complete.
func (l *List) Load() {
	if len(l.mem) == 0 {
		l.mem = []byte{0}
	}
	base := l.base()
	for _, p := range l.ptrs[l.loadedPtrs:] {
		binary.NativeEndian.PutUint64(l.mem[p.at:], uint64(base)+uint64(p.to))
	}
	for i := range l.calls[l.loaded:] {
		c := &l.calls[l.loaded+i]
		for j := range c.args {
			if c.kinds[j] == address {
				c.args[j], c.kinds[j] = c.args[j]+base, number
			}
		}
	}
	l.loaded, l.loadedPtrs = len(l.calls), len(l.ptrs)
}

// Address returns the address of a, which Str, Data, Words or Strings has returned.
// It is valid after Load.
func (l *List) Address(a Arg) uintptr { return l.base() + a.value }

// Array returns the addresses of an array of strings that Strings has returned. It is
// valid after Load.
func (l *List) Array(a Arg) (addresses []uintptr) {
	rest := l.mem[a.value:]
	all := unsafe.Slice((*uintptr)(unsafe.Pointer(unsafe.SliceData(rest))), len(rest)/8)
	return all[:slices.Index(all, 0)]
}

// base returns the address of mem, which is valid once the list is complete.
func (l *List) base() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(l.mem))) }

// Room returns what the calls of a list are carried out from, and those that are still to
// be appended, if IsIn says then that they are there.
func (l *List) Room() Loaded {
	return Loaded{calls: l.calls[:cap(l.calls)], mem: l.mem[:cap(l.mem)], slots: l.slots[:cap(l.slots)]}
}

// Len returns how many calls there are.
func (l *List) Len() int { return len(l.calls) }

// From returns the calls from index i on, until the next one is appended.
func (l *List) From(i int) []Call { return l.calls[i:] }

// Note returns what call i is for.
func (l *List) Note(i int) Note { return l.notes[i] }
