package isolate

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// giveBackMemory gives back what came along of the caller's memory, its secrets
// included: init shares it page by page and would keep what the caller lets go.
// From here on it needs d, its code, which is read from its file again, and the
// stack around here: main above, and what main calls below.
//
//go:nosplit
//go:norace
//go:noinline
func (d *initProcess) giveBackMemory() {
	var here byte
	stack, own := uintptr(unsafe.Pointer(&here)), uintptr(unsafe.Pointer(d))
	low, lowEnd := d.pages(stack-d.page, stack+d.page)
	high, highEnd := d.pages(own, own+unsafe.Sizeof(*d))
	if high < low {
		low, lowEnd, high, highEnd = high, highEnd, low, lowEnd
	}
	// What isn't mapped in between is passed over (madvise(2)).
	d.giveBack(0, low)
	d.giveBack(lowEnd, high)
	d.giveBack(max(lowEnd, highEnd), -d.page)
}

// pages widens a range to whole pages.
//
//go:nosplit
//go:norace
func (d *initProcess) pages(from, to uintptr) (first, end uintptr) {
	return from &^ (d.page - 1), (to + d.page - 1) &^ (d.page - 1)
}

//go:nosplit
//go:norace
func (d *initProcess) giveBack(from, to uintptr) {
	if from < to {
		sysCall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED, 0)
	}
}
