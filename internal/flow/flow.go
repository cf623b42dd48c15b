package flow

import (
	"golang.org/x/sys/unix"
)

// A Flow is one direction of a pair. It is idle, or it holds what its receiver hasn't
// taken yet, and reads nothing until the receiver has.
type Flow struct {
	Seen func([]byte) // is called with what was read; may be nil

	pair     *Pair
	from, to *End
	unsent   []byte
	pipe     *pipe
	bulk     bool // the last read filled the buffer
	moved    bool
	ended    bool // nothing more comes from the sender
	done     bool
}

// Moved reports whether something has gone to the receiver.
func (f *Flow) Moved() bool { return f.moved }

// Done reports whether nothing more goes to the receiver.
func (f *Flow) Done() bool { return f.done }

// Queue adds what the receiver gets before what the sender sends.
func (f *Flow) Queue(b []byte) { f.unsent = append(f.unsent, b...) }

func (f *Flow) held() bool    { return len(f.unsent) > 0 || f.pipe != nil && f.pipe.held > 0 }
func (f *Flow) reading() bool { return !f.ended && !f.done && !f.held() }
func (f *Flow) writing() bool { return !f.done && f.held() }

// pump reads once and writes what it read. Reading until nothing is left would cost one
// more call for each message; epoll reports again if more is there.
func (f *Flow) pump(buffer []byte) {
	if !f.reading() {
		return
	}
	if f.bulk && f.openPipe() {
		f.fill()
		return
	}
	n, err := unix.Read(f.from.FD, buffer)
	if !f.received(n, err) {
		return
	}
	f.bulk = n == len(buffer)
	if f.Seen != nil {
		f.Seen(buffer[:n])
	}
	taken := f.send(buffer[:n])
	if !f.done && taken < n {
		f.unsent = append(f.unsent, buffer[taken:n]...)
	}
}

// received reports whether a read got something. It notes the end.
func (f *Flow) received(n int, err error) bool {
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return false
	case err != nil && f.pair.Resets:
		f.pair.broken = true
		return false
	case err != nil || n == 0:
		f.ended = true
		f.finish()
		return false
	}
	return true
}

// flush writes what the receiver did not take before.
func (f *Flow) flush() {
	if !f.writing() {
		return
	}
	if len(f.unsent) > 0 {
		taken := f.send(f.unsent)
		if f.unsent = f.unsent[taken:]; len(f.unsent) == 0 {
			f.unsent = nil
		}
	} else {
		f.empty()
	}
	f.finish()
}

// send returns how much of b the receiver took.
func (f *Flow) send(b []byte) int {
	n, err := unix.Write(f.to.FD, b)
	f.sent(n, err)
	return max(n, 0)
}

// sent notes what became of a write. If the receiver is gone, f is done.
func (f *Flow) sent(n int, err error) {
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		f.done, f.pair.broken, f.unsent = true, true, nil
	}
	f.moved = f.moved || n > 0
}

// finish passes on that the sender has ended, once the receiver has everything.
func (f *Flow) finish() {
	if f.ended && !f.held() && !f.done {
		f.done = true
		unix.Shutdown(f.to.FD, unix.SHUT_WR)
	}
}
