package attack

import (
	"encoding/binary"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// UsualCalls returns those of honest programs that the same rules let through.
func UsualCalls() []UsualCall {
	return []UsualCall{
		{"a terminal's modes", func(string) unix.Errno { return request(terminalFile(), unix.TCGETS2, buffer()) }},
		{"a terminal's size", func(string) unix.Errno { return request(terminalFile(), unix.TIOCSWINSZ, buffer()) }},
		{"a file's flags", func(dir string) unix.Errno { return request(newFile(dir), unix.FS_IOC_GETFLAGS, buffer()) }},
		{"a copy that shares blocks", func(dir string) unix.Errno { return request(newFile(dir), unix.FICLONE, newFile(dir).Fd()) }},
		{"close on exec", func(dir string) unix.Errno { return request(newFile(dir), 0x5451, 0) }},                                // FIOCLEX
		{"what there is to read", func(string) unix.Errno { return raw(unix.SYS_IOCTL, uintptr(newSocket()), 0x541b, buffer()) }}, // FIONREAD
		{"an interface's flags", func(string) unix.Errno {
			return raw(unix.SYS_IOCTL, uintptr(newSocket()), unix.SIOCGIFFLAGS, cString("lo"+strings.Repeat("\x00", 38)))
		}},
		{"an interface's speed", func(string) unix.Errno {
			info := make([]byte, 256)
			info[0] = 1 // ETHTOOL_GSET
			name := append([]byte("lo"), make([]byte, 38)...)
			binary.NativeEndian.PutUint64(name[16:], uint64(uintptr(unsafe.Pointer(&info[0]))))
			defer runtime.KeepAlive(info)
			return raw(unix.SYS_IOCTL, uintptr(newSocket()), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&name[0])))
		}},
		{"a lock", func(dir string) unix.Errno { return raw(unix.SYS_FCNTL, newFile(dir).Fd(), unix.F_OFD_SETLK, buffer()) }},
		{"a duplicate", func(dir string) unix.Errno {
			return raw(unix.SYS_FCNTL, newFile(dir).Fd(), 1<<32|unix.F_DUPFD_CLOEXEC, 0)
		}},
		{"a seal", func(string) unix.Errno {
			fd, _ := unix.MemfdCreate("x", unix.MFD_ALLOW_SEALING)
			return raw(unix.SYS_FCNTL, uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
		}},
		{"data on a Unix socket", func(string) unix.Errno {
			return raw(unix.SYS_SENDTO, uintptr(newSocket()), cString("x"), 1, unix.MSG_NOSIGNAL, 0, 0)
		}},
		{"an option of TCP", func(string) unix.Errno {
			s, _ := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			return raw(unix.SYS_SETSOCKOPT, uintptr(s), unix.SOL_TCP, unix.TCP_NODELAY, cString("\x01\x00\x00\x00"), 4)
		}},
	}
}

// A UsualCall is answered inside as outside.
type UsualCall struct {
	Name string
	Make func(dir string) unix.Errno
}
