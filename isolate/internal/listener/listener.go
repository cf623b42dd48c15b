// Package listener hears of the system calls by which a program looks for files and
// connects, before they are carried out, and lets each go on (seccomp(2),
// seccomp_unotify(2)). It changes nothing about what a program may do: what a call
// is about lies in the program's memory, which may change before the kernel reads
// it, so that nobody can decide by it.
//
// It belongs to whoever loads the filter, the program's process just before its
// exec, which sends it to the caller. The exec is such a call itself: the caller
// must serve it before the program can start.
package listener

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/descriptor"
)

// A notice is struct seccomp_notif. What a later Linux adds to it fits behind.
type notice struct {
	id    uint64
	tid   uint32
	flags uint32
	// struct seccomp_data
	number  int32
	arch    uint32
	pointer uint64
	args    [6]uint64

	_ [128]byte
}

// An answer is struct seccomp_notif_resp.
type answer struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// Serve hears of calls and lets them go on, until no process is left that has the
// filter, and closes f. It tells heard what each is about while the call waits, so that
// heard sees the files as the call will find them. The error says why not everything was heard;
// if the listener couldn't be served any more, the program's calls failed from then on.
func Serve(f *os.File, heard Heard) error {
	defer f.Close()
	l := &server{fd: descriptor.Of(f), calls: table(), heard: heard, asks: map[socket]bool{}}
	for {
		more, err := l.wait()
		if err == nil && more {
			err = l.serve()
		}
		if err == nil && !more && l.unread {
			err = errUnread
		}
		if err != nil || !more {
			return err
		}
	}
}

// errUnread is the error of a listener that heard of calls and not what they are about.
var errUnread = errors.New("the program's memory can't be read here")

type server struct {
	fd     int
	calls  map[uintptr]call
	heard  Heard
	asks   map[socket]bool // sockets that were connected to a resolver
	unread bool            // something in the program's memory could not be read
	now    notice
}

// wait waits for a call. more is false if no more will come.
func (l *server) wait() (more bool, err error) {
	fds := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		// The kernel says POLLERR alone if a signal comes while it waits for a lock there.
		if err == unix.EINTR || err == nil && fds[0].Revents == unix.POLLERR {
			continue
		}
		return fds[0].Revents&unix.POLLIN != 0, err
	}
}

// serve serves one call.
func (l *server) serve() error {
	l.now = notice{}
	err := l.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&l.now))
	if err == unix.ENOENT || err == unix.EINTR { // the process has ended meanwhile, or got a signal
		return nil
	}
	if err != nil {
		return err
	}

	l.look()
	err = l.again(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&answer{id: l.now.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}))
	if err == unix.ENOENT {
		return nil
	}
	return err
}

// isValid reports whether the call still waits. If it doesn't, its number may already be
// that of another process, and so may be what was read of it.
func (l *server) isValid() bool {
	return l.again(unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(&l.now.id)) == nil
}

// again is ioctl, once more if a signal came while the kernel waited for a lock: the Go
// runtime sends itself some.
func (l *server) again(request uintptr, arg unsafe.Pointer) error {
	err := l.ioctl(request, arg)
	for err == unix.EINTR {
		err = l.ioctl(request, arg)
	}
	return err
}

func (l *server) ioctl(request uintptr, arg unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(l.fd), request, uintptr(arg))
	if errno != 0 {
		return errno
	}
	return nil
}
