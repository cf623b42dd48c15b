package terminal

import (
	"bytes"
	"time"

	"isolate-namespace/isolate/internal/descriptor"

	"golang.org/x/sys/unix"
)

// copyOutput passes on what the program writes, until nobody inside has the terminal
// any more (EIO) or the caller's is hung up.
func (t *Terminal) copyOutput() {
	buf := make([]byte, 32<<10)
	held := 0 // bytes at the beginning of buf that wait for the next one
	for {
		n, err := t.master.Read(buf[held:])
		if err != nil {
			t.file.Write(buf[:held])
			return
		}
		t.writing.Store(true)
		out := buf[:held+n]
		held = 0

		if inner, err := t.innerModes(); err == nil {
			t.follow(inner)
			if inner.Oflag&(unix.OPOST|unix.ONLCR) == unix.OPOST|unix.ONLCR {
				if out[len(out)-1] == '\r' && t.hasMore() {
					out, held = out[:len(out)-1], 1
				}
				out = withoutReturns(out)
			}
		}
		if _, err := t.file.Write(out); err != nil {
			return
		}
		if held > 0 {
			buf[0] = '\r'
		}
		t.writing.Store(false)
	}
}

// settle waits until what the program has written is shown, for a time.
func (t *Terminal) settle() {
	idle := 0
	for tries := 0; idle < 2 && tries < 100; tries++ {
		if idle++; t.hasMore() || t.writing.Load() {
			idle = 0
		}
		time.Sleep(time.Millisecond)
	}
}

// withoutReturns removes the carriage returns that the program's terminal has put
// before each line feed (ONLCR, termios(3)): the caller's does so, too.
func withoutReturns(out []byte) []byte {
	return bytes.ReplaceAll(out, []byte("\r\n"), []byte("\n"))
}

// hasMore reports whether there is more output.
func (t *Terminal) hasMore() bool {
	fds := []unix.PollFd{{Fd: int32(descriptor.Of(t.master)), Events: unix.POLLIN}}
	n, _ := unix.Poll(fds, 0)
	return n > 0 && fds[0].Revents&unix.POLLIN != 0
}
