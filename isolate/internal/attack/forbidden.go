package attack

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A ForbiddenCall is answered with Want inside, by the filter, and with
// something else outside.
type ForbiddenCall struct {
	Name string
	Want unix.Errno
	Make func(dir string) unix.Errno
}

// ForbiddenCalls returns the calls that the filter refuses.
func ForbiddenCalls() []ForbiddenCall {
	const high = 1 << 32 // the kernel takes the lower half
	here := unix.AT_FDCWD
	made := func(dir string) uintptr { return cString(filepath.Join(dir, "made")) }
	return []ForbiddenCall{
		{"a user namespace by unshare", unix.EPERM, func(string) unix.Errno { return forked(unix.SYS_UNSHARE, unix.CLONE_NEWUSER) }},
		{"namespace flags that can't be seen", unix.ENOSYS, func(string) unix.Errno { return raw(unix.SYS_CLONE3, 0, 0) }},
		{"joining a namespace", unix.EPERM, func(string) unix.Errno { return raw(unix.SYS_SETNS, ^uintptr(0), 0) }},
		{"keys", unix.EPERM, func(string) unix.Errno { return raw(unix.SYS_KEYCTL, 0, ^uintptr(2), 1) }},
		{"adding a key", unix.EPERM, func(string) unix.Errno {
			return raw(unix.SYS_ADD_KEY, cString("user"), cString("isolate-test"), cString("x"), 1, ^uintptr(1))
		}},
		{"a program in the kernel", unix.EPERM, func(string) unix.Errno { return raw(unix.SYS_BPF, 0, 0, 1<<20) }},
		{"performance counters", unix.EPERM, func(string) unix.Errno {
			return raw(unix.SYS_PERF_EVENT_OPEN, 0, 0, ^uintptr(0), ^uintptr(0), ^uintptr(0))
		}},
		{"handling of page faults", unix.EPERM, func(string) unix.Errno { return raw(unix.SYS_USERFAULTFD, ^uintptr(0)) }},
		{"setting a clock", unix.EPERM, func(string) unix.Errno { return raw(unix.SYS_CLOCK_SETTIME, 99999, 0) }},
		{"quotas", unix.EPERM, func(string) unix.Errno { return raw(unix.SYS_QUOTACTL, 0xff, 0, 0, 0) }},
		{"io_uring", unix.ENOSYS, func(string) unix.Errno { return raw(unix.SYS_IO_URING_SETUP, 1, 0) }},
		{"descriptors of others", unix.EPERM, func(string) unix.Errno { return raw(unix.SYS_PIDFD_GETFD, ^uintptr(0), 0, 0) }},
		{"comparing processes", unix.EPERM, func(string) unix.Errno {
			return raw(unix.SYS_KCMP, uintptr(os.Getpid()), uintptr(os.Getpid()), 0, 0, 0)
		}},
		{"typing on a terminal", unix.ENOTTY, func(string) unix.Errno { return request(terminalFile(), unix.TIOCSTI, cString("x")) }},
		{"typing on a terminal, with a higher half", unix.ENOTTY, func(string) unix.Errno { return request(terminalFile(), high|unix.TIOCSTI, cString("x")) }},
		{"a terminal's line discipline", unix.ENOTTY, func(string) unix.Errno { return request(terminalFile(), unix.TIOCSETD, cString("\x00\x00\x00\x00")) }},
		{"a file's place on the disk", unix.ENOTTY, func(string) unix.Errno { return request(open("/usr/bin/env"), fiemap, cString(wholeFile)) }},
		{"the block size of the disk", unix.ENOTTY, func(string) unix.Errno { return request(open("/usr/bin/env"), 2, buffer()) }}, // FIGETBSZ
		{"the owner of a namespace", unix.ENOTTY, func(string) unix.Errno { return request(open("/proc/self/ns/user"), unix.NS_GET_OWNER_UID, buffer()) }},
		{"a lease", unix.EINVAL, func(dir string) unix.Errno {
			return raw(unix.SYS_FCNTL, newFile(dir).Fd(), unix.F_SETLEASE, unix.F_RDLCK)
		}},
		{"a lease, with a higher half", unix.EINVAL, func(dir string) unix.Errno {
			return raw(unix.SYS_FCNTL, newFile(dir).Fd(), high|unix.F_SETLEASE, unix.F_RDLCK)
		}},
		{"signals of a directory's changes", unix.EINVAL, func(dir string) unix.Errno { return raw(unix.SYS_FCNTL, open(dir).Fd(), unix.F_NOTIFY, dnModify) }},
		{"urgent data on a Unix socket", unix.EOPNOTSUPP, func(string) unix.Errno {
			return raw(unix.SYS_SENDTO, uintptr(newSocket()), cString("x"), 1, unix.MSG_OOB|unix.MSG_NOSIGNAL, 0, 0)
		}},
		{"another protocol on TCP", unix.ENOENT, func(string) unix.Errno { // without a name, which is EINVAL elsewhere
			s, _ := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			return raw(unix.SYS_SETSOCKOPT, uintptr(s), unix.SOL_TCP, unix.TCP_ULP, buffer(), 0)
		}},
		{"netlink of the machine's devices", unix.EPROTONOSUPPORT, func(string) unix.Errno {
			return raw(unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_KOBJECT_UEVENT)
		}},
		{"packets", unix.EAFNOSUPPORT, func(string) unix.Errno { return raw(unix.SYS_SOCKET, unix.AF_PACKET, unix.SOCK_RAW, 0) }},
		{"packets, with a higher half", unix.EAFNOSUPPORT, func(string) unix.Errno { return raw(unix.SYS_SOCKET, high|unix.AF_PACKET, unix.SOCK_RAW, 0) }},
		{"memory policy", unix.ENOSYS, func(string) unix.Errno { return raw(unix.SYS_GET_MEMPOLICY, 0, 0, 0, 0, 0) }},
		{"openat2", unix.ENOSYS, func(string) unix.Errno { return raw(unix.SYS_OPENAT2, ^uintptr(0), 0, 0, 0) }},

		{"a device left by a rename", unix.EINVAL, func(dir string) unix.Errno {
			return raw(unix.SYS_RENAMEAT2, uintptr(here), cString(newFile(dir).Name()), uintptr(here), made(dir), unix.RENAME_WHITEOUT)
		}},

		{"set-user-id by fchmod", unix.EPERM, func(dir string) unix.Errno { return raw(unix.SYS_FCHMOD, newFile(dir).Fd(), 0o4755) }},
		{"set-group-id by fchmod", unix.EPERM, func(dir string) unix.Errno { return raw(unix.SYS_FCHMOD, newFile(dir).Fd(), 0o2755) }},
		{"set-user-id by fchmod with a higher half", unix.EPERM, func(dir string) unix.Errno { return raw(unix.SYS_FCHMOD, newFile(dir).Fd(), high|0o4755) }},
		{"set-user-id by fchmodat", unix.EPERM, func(dir string) unix.Errno {
			return raw(unix.SYS_FCHMODAT, uintptr(here), cString(newFile(dir).Name()), 0o4755)
		}},
		{"set-user-id by fchmodat2", unix.EPERM, func(dir string) unix.Errno {
			return raw(unix.SYS_FCHMODAT2, uintptr(here), cString(newFile(dir).Name()), 0o4755, 0)
		}},
		{"set-group-id of a directory", unix.EPERM, func(dir string) unix.Errno {
			return raw(unix.SYS_FCHMODAT, uintptr(here), cString(dir), 0o2755)
		}},
		{"set-user-id by openat", unix.EPERM, func(dir string) unix.Errno {
			return raw(unix.SYS_OPENAT, uintptr(here), made(dir), unix.O_CREAT|unix.O_WRONLY, 0o4755)
		}},
		{"set-user-id of a file without a name", unix.EPERM, func(dir string) unix.Errno {
			return raw(unix.SYS_OPENAT, uintptr(here), cString(dir), unix.O_TMPFILE|unix.O_WRONLY, 0o4755)
		}},
		{"set-group-id by mknodat", unix.EPERM, func(dir string) unix.Errno {
			return raw(unix.SYS_MKNODAT, uintptr(here), made(dir), unix.S_IFREG|0o2755, 0)
		}},
	}
}
