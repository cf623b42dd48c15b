package listener

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

// Flags returns the flags with which this kernel gives a listener, or an error if it
// gives none. If it can, a call that waits for the answer is interrupted by fatal
// signals alone (Linux 5.19): others would make it start again, and be counted again.
func Flags() (uintptr, error) {
	var errno unix.Errno
	for _, flags := range []uintptr{
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER,
	} {
		// Without a filter a flag that is known leads to EFAULT (seccomp(2)).
		_, _, errno = unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, 0)
		if errno == unix.EFAULT {
			return flags, nil
		}
	}
	return 0, errno
}

// Load appends the call that loads the filter, and returns where its listener will
// be. From then on each call of the table waits until the listener is served.
func Load(l *calls.List, flags uintptr) calls.Slot {
	code := filter()
	var head [16]byte // struct sock_fprog: how many instructions there are, and where
	binary.NativeEndian.PutUint16(head[:], uint16(len(code)/instructionSize))
	filter, fprog := l.Data(code), l.Data(head[:])
	l.Point(fprog, 8, filter)
	return l.Get(calls.LoadListener.Of(""), unix.SYS_SECCOMP, calls.Num(unix.SECCOMP_SET_MODE_FILTER), calls.Num(flags), fprog)
}
