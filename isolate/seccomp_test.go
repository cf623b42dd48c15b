package isolate

import (
	"bytes"
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

// newFile is a file of our own in dir.
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
		{"reading memory", unix.EPERM, func(string) unix.Errno { return raw(unix.SYS_PROCESS_VM_READV, uintptr(os.Getpid()), 0, 0, 0, 0, 0) }},
		{"descriptors of others", unix.EPERM, func(string) unix.Errno { return raw(unix.SYS_PIDFD_GETFD, ^uintptr(0), 0, 0) }},
		{"comparing processes", unix.EPERM, func(string) unix.Errno {
			return raw(unix.SYS_KCMP, uintptr(os.Getpid()), uintptr(os.Getpid()), 0, 0, 0)
		}},
		{"typing on a terminal", unix.EPERM, func(string) unix.Errno { return raw(unix.SYS_IOCTL, 1, unix.TIOCSTI, cString("x")) }},
		{"typing on a terminal, with a higher half", unix.EPERM, func(string) unix.Errno { return raw(unix.SYS_IOCTL, 1, high|unix.TIOCSTI, cString("x")) }},
		{"the console's selection", unix.EPERM, func(string) unix.Errno { return raw(unix.SYS_IOCTL, 1, high|unix.TIOCLINUX, cString("x")) }},
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

// selfIn is a policy under which this test binary runs inside, in the role
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
