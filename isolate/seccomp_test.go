package isolate

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A forbiddenCall is made inside, where the filter answers it, and outside,
// where something else does.
type forbiddenCall struct {
	name string
	want unix.Errno
	call func(dir string) unix.Errno
}

func raw(nr uintptr, args ...uintptr) unix.Errno {
	var a [6]uintptr
	copy(a[:], args)
	_, _, errno := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	return errno
}

// forked is raw for calls that may make a process or change the caller's.
func forked(nr uintptr, args ...uintptr) unix.Errno {
	runtime.LockOSThread() // and never unlocked: the thread ends with the test's role
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

func forbiddenCalls() []forbiddenCall {
	const high = 1 << 32 // the kernel takes the lower half
	here := unix.AT_FDCWD
	made := func(dir string) uintptr { return cString(filepath.Join(dir, "made")) }
	return []forbiddenCall{
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

// usualCalls returns those of honest programs that the same rules let through.
func usualCalls() []usualCall {
	return []usualCall{
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

// A usualCall is answered inside as outside.
type usualCall struct {
	name string
	call func(dir string) unix.Errno
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
	c, err := openConsole()
	if err != nil {
		panic(err)
	}
	return c.stdio
}

// newSocket returns one of a pair.
func newSocket() int {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		panic(err)
	}
	return pair[0]
}

// usualRole makes all usual calls and prints what came of each.
func usualRole(args []string) int {
	for _, c := range usualCalls() {
		fmt.Printf("%s: errno %d\n", c.name, int(c.call(args[0])))
	}
	return 0
}

// forbiddenRole makes one call and prints what came of it.
func forbiddenRole(args []string) int {
	for _, c := range forbiddenCalls() {
		if c.name == args[1] {
			fmt.Println(int(c.call(args[0])))
			return 0
		}
	}
	return 2
}

// selfIn returns a policy under which this test binary runs inside, in the role
// that the environment names, with dir as its writable directory.
func selfIn(dir, role string) Policy {
	p := in(dir)
	p.Mounts = append(p.Mounts, Mount{Source: filepath.Dir(os.Args[0]), Access: ReadOnly})
	p.Env = []string{roleVariable + "=" + role, "PATH=/usr/bin:/bin"}
	return p
}

// The control of every case is the same call outside.
func TestForbiddenCalls(t *testing.T) {
	for _, c := range forbiddenCalls() {
		t.Run(c.name, func(t *testing.T) {
			want := fmt.Sprintln(int(c.want))
			control := exec.Command(os.Args[0], t.TempDir(), c.name)
			control.Env = append(os.Environ(), roleVariable+"=forbidden")
			if out, err := control.Output(); err != nil || string(out) == want {
				t.Errorf("outside: %q, %v; it shows nothing", out, err)
			}
			dir := t.TempDir()
			var out bytes.Buffer
			cmd := Command(selfIn(dir, "forbidden"), os.Args[0], dir, c.name)
			cmd.Stdout = &out
			if err := cmd.Run(); err != nil || out.String() != want {
				t.Errorf("inside: errno %q, %v; want %q", strings.TrimSpace(out.String()), err, strings.TrimSpace(want))
			}
		})
	}
}

func TestUsualCalls(t *testing.T) {
	dir := t.TempDir()
	control := exec.Command(os.Args[0], dir)
	control.Env = append(os.Environ(), roleVariable+"=usual")
	want, err := control.Output()
	if err != nil {
		t.Fatalf("outside: %s, %v", want, err)
	}
	cmd := Command(selfIn(dir, "usual"), os.Args[0], dir)
	var got bytes.Buffer
	cmd.Stdout = &got
	if err := cmd.Run(); err != nil || got.String() != string(want) {
		t.Errorf("inside: %v\n%swant\n%s", err, got.String(), want)
	}
}

// Another sandbox may be made inside where the policy says so, which is the
// control of the rules that it lifts.
func TestFilterOfNesting(t *testing.T) {
	for _, nesting := range []bool{true, false} {
		p := in(t.TempDir())
		p.UserNamespaces = nesting
		_, err := sh(t, p, "unshare -U true")
		if made := err == nil; made != nesting {
			t.Errorf("UserNamespaces %v: a user namespace inside: %v", nesting, err)
		}
	}
}
