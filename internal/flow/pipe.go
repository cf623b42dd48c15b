package flow

import (
	"golang.org/x/sys/unix"
)

// A pipe is memory of the kernel's through which a stream goes without being copied
// (splice(2)). For messages that takes longer than reading and writing them.
type pipe struct {
	in, out int
	held    int
}

const pipeSize = 1 << 20

// Pipes is how many pipes pairs may have besides those they have: large ones count
// against what a user's programs may have together (pipe(7)).
type Pipes int

// openPipe reports whether there is a pipe.
func (f *Flow) openPipe() bool {
	if f.pipe != nil {
		return true
	}
	var ends [2]int
	left := f.pair.Pipes
	if left == nil || *left == 0 || unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		return false
	}
	*left--
	unix.FcntlInt(uintptr(ends[0]), unix.F_SETPIPE_SZ, pipeSize) // or it stays small
	f.pipe = &pipe{in: ends[1], out: ends[0]}
	return true
}

// fill moves once from the sender to the pipe, and from there to the receiver.
func (f *Flow) fill() {
	n, err := unix.Splice(f.from.FD, nil, f.pipe.in, nil, pipeSize, unix.SPLICE_F_NONBLOCK)
	if !f.received(int(n), err) {
		return
	}
	f.pipe.held = int(n)
	f.bulk = n >= 16<<10
	f.empty()
	if !f.bulk && f.pipe.held == 0 {
		f.closePipe()
	}
}

// empty moves what is in the pipe to the receiver.
func (f *Flow) empty() {
	n, err := unix.Splice(f.pipe.out, nil, f.to.FD, nil, f.pipe.held, unix.SPLICE_F_NONBLOCK)
	if n > 0 {
		f.pipe.held -= int(n)
	}
	f.sent(int(n), err)
}

func (f *Flow) closePipe() {
	if f.pipe != nil {
		unix.Close(f.pipe.in)
		unix.Close(f.pipe.out)
		f.pipe = nil
		*f.pair.Pipes++
	}
}
