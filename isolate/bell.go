package isolate

import (
	"os"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/descriptor"
)

// A bell can be read when one of some doors is used, or a message has come to the control
// socket. So one goroutine waits for both, in the runtime's poller: another one, and even
// more a thread in poll(2), would be most of what doors cost a start.
type bell struct {
	file   *os.File // of epoll(7)
	events []unix.EpollEvent
}

// ofControl stands for the control socket among the events, in place of a door's socket.
const ofControl = -1

func newBell(doors []int, control int) (*bell, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	add := func(of int, as int32) {
		if err == nil {
			err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, of, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: as})
		}
	}
	add(control, ofControl)
	for _, socket := range doors {
		add(socket, int32(socket))
	}
	if err == nil {
		err = unix.SetNonblock(fd, true) // or os.NewFile doesn't use the poller
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &bell{os.NewFile(uintptr(fd), "doors"), make([]unix.EpollEvent, len(doors)+1)}, nil
}

// rings reports whether a door is used.
func (b *bell) rings() bool {
	n, err := unix.EpollWait(descriptor.Of(b.file), b.events, 0)
	if err != nil {
		return false
	}
	for _, e := range b.events[:n] {
		if e.Fd != ofControl {
			return true
		}
	}
	return false
}

func (b *bell) close() { b.file.Close() }
