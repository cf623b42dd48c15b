package attack

import (
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/pty"
)

func raw(nr uintptr, args ...uintptr) unix.Errno {
	var a [6]uintptr
	copy(a[:], args)
	_, _, errno := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	return errno
}

// forked is raw for calls that may make a process or change the caller's.
func forked(nr uintptr, args ...uintptr) unix.Errno {
	runtime.LockOSThread() // and never unlocked: the thread ends with the process
	return raw(nr, args...)
}

func cString(s string) uintptr {
	b := append([]byte(s), 0)
	return uintptr(unsafe.Pointer(&b[0]))
}

// newFile returns a file of our own in dir.
func newFile(dir string) *os.File {
	f, err := os.CreateTemp(dir, "file")
	if err != nil {
		panic(err)
	}
	return f
}

const (
	fiemap    = 0xc020660b                                                                                                                         // FS_IOC_FIEMAP, linux/fiemap.h
	wholeFile = "\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // struct fiemap
	dnModify  = 2                                                                                                                                  // DN_MODIFY, linux/fcntl.h
)

func request(f *os.File, number, value uintptr) unix.Errno {
	return raw(unix.SYS_IOCTL, f.Fd(), number, value)
}

// buffer is memory for the kernel to read zeros from or write to.
func buffer() uintptr { return cString(strings.Repeat("\x00", 256)) }

func open(path string) *os.File {
	f, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	return f
}

func terminalFile() *os.File {
	t, err := pty.Open()
	if err != nil {
		panic(err)
	}
	return t.Program
}

// newSocket returns one of a pair.
func newSocket() int {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		panic(err)
	}
	return pair[0]
}
