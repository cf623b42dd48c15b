package initproc

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// giveBackMemory gives back the caller's memory, which init has inherited, including
// its secrets: init shares it page by page and would keep pages that the caller gives
// up. From here on init needs only p, its code, which the kernel reads again from the
// file, and the stack around here: that of main, and of what main calls.
//
//go:nosplit
//go:norace
//go:noinline
func (p *Process) giveBackMemory() {
	var here byte
	stack, own := uintptr(unsafe.Pointer(&here)), uintptr(unsafe.Pointer(p))
	low, lowEnd := p.pages(stack-p.page, stack+p.page)
	high, highEnd := p.pages(own, own+unsafe.Sizeof(*p))
	if high < low {
		low, lowEnd, high, highEnd = high, highEnd, low, lowEnd
	}
	// Gaps without mappings are skipped (madvise(2)).
	p.giveBack(0, low)
	p.giveBack(lowEnd, high)
	p.giveBack(max(lowEnd, highEnd), -p.page)
	if p.shared != nil {
		sysCall(unix.SYS_MUNMAP, uintptr(unsafe.Pointer(unsafe.SliceData(p.shared))), uintptr(len(p.shared)), 0, 0)
	}
}

// pages widens a range to whole pages.
//
//go:nosplit
//go:norace
func (p *Process) pages(from, to uintptr) (first, end uintptr) {
	return from &^ (p.page - 1), (to + p.page - 1) &^ (p.page - 1)
}

//go:nosplit
//go:norace
func (p *Process) giveBack(from, to uintptr) {
	if from < to {
		sysCall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED, 0)
	}
}
