package calls

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// A List is a list of system calls, prepared by one process and carried out by
// another, which can do nothing else. Everything that takes thought, memory or
// a decision happens while the list is made.
type List struct {
	Loaded
	notes []Note
	ptrs  []pointer // places in mem that hold addresses of mem

	loaded, loadedPtrs int // how many calls and ptrs Load has seen
}

// A Loaded is what a list is carried out from.
type Loaded struct {
	calls []Call
	mem   []byte    // strings and structures, addressed by offset
	slots []uintptr // results of calls that later calls need
}

// A Call is one system call.
type Call struct {
	Number uintptr    // which one
	Fine   unix.Errno // an error that counts as success, or one of the constants below
	Skip   int        // how many calls are left out after an error that is fine

	args  [6]uintptr // as kinds says
	kinds [6]argKind
	into  int32 // the slot that the result goes to; NoSlot drops it
	copy  int32 // where in mem it goes as a C int, too; 0 is nowhere
}

const (
	// AnyError marks a call that may fail.
	AnyError unix.Errno = 1 << 15
	// OnlyZero marks a call for which any result but 0 is an error, too.
	OnlyZero unix.Errno = 1 << 14
	// Changed marks a call that may find that a file isn't there any more, or is
	// something else, closed or leased to somebody (fcntl(2), F_SETLEASE) now.
	Changed unix.Errno = 1 << 13
)

// An Arg is a number, the result of an earlier call, or an address in memory.
type Arg struct {
	kind  argKind
	value uintptr
}

type argKind uint8

const (
	number argKind = iota
	result
	address
)

// A Slot holds the result of a call, usually a file descriptor.
type Slot int

// NoSlot is no slot.
const NoSlot Slot = -1

// Run carries out the calls of indices from to to in order, up to the first that fails,
// and returns that one's index. It runs after a fork (see the package's comment).
//
//go:nosplit
//go:norace
func (l *Loaded) Run(from, to int) (failed int, errno unix.Errno) {
	all := l.calls // so that the compiler knows that i is in range
	skip := from
	for i := range all {
		if i == to {
			break
		}
		if skip > 0 {
			skip--
			continue
		}
		c := &all[i]
		r, _, e := unix.RawSyscall6(c.Number,
			l.value(c.kinds[0], c.args[0]), l.value(c.kinds[1], c.args[1]), l.value(c.kinds[2], c.args[2]),
			l.value(c.kinds[3], c.args[3]), l.value(c.kinds[4], c.args[4]), l.value(c.kinds[5], c.args[5]))
		if r != 0 && c.Fine == OnlyZero && e == 0 {
			e = unix.EAGAIN
		}
		if e != 0 && e != c.Fine && c.Fine != AnyError && !(c.Fine == Changed && hasChanged(e)) {
			return i, e
		}
		if e != 0 {
			skip = c.Skip
		}
		if c.into >= 0 {
			*l.slot(uintptr(c.into)) = r
		}
		if c.copy > 0 {
			*(*int32)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(l.mem)), c.copy)) = int32(r)
		}
	}

	return 0, 0
}

// hasChanged reports whether an error says that a path leads to something else than
// before, or to nothing.
//
//go:nosplit
//go:norace
func hasChanged(e unix.Errno) bool {
	return e == unix.ENOENT || e == unix.ENOTDIR || e == unix.ELOOP || e == unix.EXDEV || e == unix.EACCES || e == unix.EISDIR || e == unix.ENXIO || e == unix.EAGAIN
}

// Result returns the result that a slot holds after Run. It may run after a fork.
//
//go:nosplit
//go:norace
func (l *Loaded) Result(s Slot) uintptr { return *l.slot(uintptr(s)) }

// value returns the value of an argument. Load must have run.
//
//go:nosplit
//go:norace
func (l *Loaded) value(kind argKind, value uintptr) uintptr {
	if kind == result {
		return *l.slot(value)
	}
	return value
}

// slot returns the place of a result. Indexing would make the compiler add a call of
// the runtime for an index that is out of range.
//
//go:nosplit
//go:norace
func (l *Loaded) slot(i uintptr) *uintptr {
	return (*uintptr)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(l.slots)), i*unsafe.Sizeof(uintptr(0))))
}
