package gen

import (
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	allowed = 0x7fff0000
	nothing = 0x50000 // as if it had been done
	refused = 0x50000 | uint32(unix.EPERM)
	unknown = 0x50000 | uint32(unix.ENOSYS)
	family  = 0x50000 | uint32(unix.EAFNOSUPPORT)
	kindOf  = 0x50000 | uint32(unix.EPROTONOSUPPORT)
	noKind  = 0x50000 | uint32(unix.ESOCKTNOSUPPORT)

	noCommand = 0x50000 | uint32(unix.EINVAL)
	noRequest = 0x50000 | uint32(unix.ENOTTY)
	noModule  = 0x50000 | uint32(unix.ENOENT)
	notHere   = 0x50000 | uint32(unix.EOPNOTSUPP)

	fiemap = 0xc020660b // FS_IOC_FIEMAP, linux/fiemap.h
)

// A machine runs a filter as the kernel does.
type machine struct {
	*arch.Info
	vm *bpf.VM
}

func newMachine(t *testing.T, goarch string, kind Kind) machine {
	t.Helper()
	program, err := assemble(goarch, kind)
	if err != nil {
		t.Fatal(err)
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	info, err := arch.GetInfo(goarch)
	if err != nil {
		t.Fatal(err)
	}
	return machine{info, vm}
}

// verdict returns the filter's word about one call.
func (m machine) verdict(t *testing.T, archID uint32, number uint32, args ...uint64) uint32 {
	t.Helper()
	// struct seccomp_data. The VM loads words in network order, the kernel in
	// its own: each half of an argument is written where the kernel has it.
	data := binary.BigEndian.AppendUint32(nil, number)
	data = binary.BigEndian.AppendUint32(data, archID)
	data = append(data, make([]byte, 8)...)
	for i := range 6 {
		var arg uint64
		if i < len(args) {
			arg = args[i]
		}
		data = binary.BigEndian.AppendUint32(data, uint32(arg))
		data = binary.BigEndian.AppendUint32(data, uint32(arg>>32))
	}
	got, err := m.vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(got)
}

var architectures = []string{"amd64", "arm64"}

func TestArguments(t *testing.T) {
	const high = 0xdeadbeef << 32 // what the kernel ignores
	cases := []struct {
		call string
		args []uint64
		want uint32
	}{
		{"chmod", []uint64{0, 0o755}, allowed},
		{"chmod", []uint64{0, 0o1777}, allowed},
		{"chmod", []uint64{0, 0o4755}, refused},
		{"chmod", []uint64{0, 0o2755}, refused},
		{"chmod", []uint64{0, high | 0o4755}, refused},
		{"fchmod", []uint64{3, 0o6755}, refused},
		{"fchmodat", []uint64{3, 0, 0o4755}, refused},
		{"fchmodat2", []uint64{3, 0, 0o2755, 0x100}, refused},
		{"creat", []uint64{0, 0o4755}, refused},
		{"creat", []uint64{0, 0o755}, allowed},
		{"open", []uint64{0, unix.O_CREAT | unix.O_WRONLY, 0o4755}, refused},
		{"open", []uint64{0, unix.O_RDONLY, 0o4755}, allowed}, // the mode is not looked at, and may be anything
		{"openat", []uint64{3, 0, unix.O_CREAT | unix.O_WRONLY, 0o2755}, refused},
		{"openat", []uint64{3, 0, unix.O_CREAT | unix.O_WRONLY, 0o644}, allowed},
		{"openat", []uint64{3, 0, unix.O_TMPFILE | unix.O_WRONLY, 0o4755}, refused},
		{"openat", []uint64{3, 0, high | unix.O_TMPFILE | unix.O_WRONLY, high | 0o4755}, refused},
		{"mknod", []uint64{0, unix.S_IFREG | 0o4755}, refused},
		{"mknodat", []uint64{3, 0, unix.S_IFREG | 0o4755}, refused},
		{"mknodat", []uint64{3, 0, unix.S_IFIFO | 0o644}, allowed},
		{"mknodat", []uint64{3, 0, unix.S_IFSOCK | 0o644}, allowed},
		{"mknodat", []uint64{3, 0, unix.S_IFCHR | 0o644}, refused},
		{"mknod", []uint64{0, high | unix.S_IFBLK | 0o644, 0}, refused},

		{"clone", []uint64{unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_FS}, allowed},
		{"clone", []uint64{unix.CLONE_NEWUSER | uint64(unix.SIGCHLD)}, refused},
		{"clone", []uint64{high | unix.CLONE_NEWNS}, refused},
		{"clone", []uint64{unix.CLONE_NEWCGROUP}, refused},
		{"clone3", nil, unknown},
		{"openat2", nil, unknown},

		{"ioctl", []uint64{0, unix.TIOCGWINSZ}, allowed},
		{"ioctl", []uint64{0, high | unix.TCGETS2}, allowed},
		{"ioctl", []uint64{0, unix.FICLONERANGE}, allowed},
		{"ioctl", []uint64{0, unix.SIOCGIFCONF}, allowed},
		{"ioctl", []uint64{0, unix.TIOCSTI}, noRequest},
		{"ioctl", []uint64{0, high | unix.TIOCSTI}, noRequest},
		{"ioctl", []uint64{0, high | unix.TIOCLINUX}, noRequest},
		{"ioctl", []uint64{0, unix.TIOCSETD}, noRequest},
		{"ioctl", []uint64{0, 0}, noRequest},
		{"ioctl", []uint64{0, 0xffffffff}, noRequest},
		{"ioctl", []uint64{0, unix.FS_IOC_ENABLE_VERITY}, noRequest},
		{"ioctl", []uint64{0, unix.FS_IOC_ADD_ENCRYPTION_KEY}, noRequest},
		{"ioctl", []uint64{0, fiemap}, noRequest},
		{"ioctl", []uint64{0, 0x50009401}, noRequest},     // BTRFS_IOC_SNAP_CREATE, of FICLONE's type
		{"ioctl", []uint64{0, unix.TUNSETIFF}, noRequest}, // of the terminals' type
		{"ioctl", []uint64{0, unix.SIOCSIFFLAGS}, noRequest},

		{"fcntl", []uint64{3, unix.F_SETFL, 0}, allowed},
		{"fcntl", []uint64{3, high | unix.F_DUPFD_CLOEXEC, 10}, allowed},
		{"fcntl", []uint64{3, unix.F_OFD_SETLKW, 0}, allowed},
		{"fcntl", []uint64{3, unix.F_SETLEASE, unix.F_WRLCK}, noCommand},
		{"fcntl", []uint64{3, high | unix.F_SETLEASE, unix.F_RDLCK}, noCommand},
		{"fcntl", []uint64{3, unix.F_NOTIFY, 1}, noCommand},
		{"fcntl", []uint64{3, 1040, unix.F_RDLCK}, noCommand}, // F_SETDELEG, Linux 6.19
		{"fcntl", []uint64{3, 1041}, noCommand},
		{"fcntl", []uint64{3, 18}, noCommand},
		{"fcntl", []uint64{3, 0xffffffff}, noCommand},

		{"setsockopt", []uint64{3, unix.SOL_SOCKET, unix.SO_REUSEADDR}, allowed},
		{"setsockopt", []uint64{3, unix.SOL_TCP, unix.TCP_NODELAY}, allowed},
		{"setsockopt", []uint64{3, unix.SOL_UDP, unix.TCP_ULP}, allowed}, // another option of this number
		{"setsockopt", []uint64{3, high | unix.SOL_TCP, high | unix.TCP_ULP}, noModule},
		{"sendto", []uint64{3, 0, 1, unix.MSG_NOSIGNAL}, allowed},
		{"sendto", []uint64{3, 0, 1, high | unix.MSG_NOSIGNAL | unix.MSG_OOB}, notHere},
		{"sendmsg", []uint64{3, 0, unix.MSG_OOB}, notHere},
		{"sendmmsg", []uint64{3, 0, unix.MSG_OOB, unix.MSG_DONTWAIT}, allowed}, // that many messages
		{"sendmmsg", []uint64{3, 0, 1, unix.MSG_OOB}, notHere},

		{"socket", []uint64{unix.AF_UNIX, unix.SOCK_STREAM, 0}, allowed},
		{"socket", []uint64{unix.AF_UNIX, unix.SOCK_SEQPACKET, 0}, allowed},
		{"socket", []uint64{unix.AF_INET6, unix.SOCK_DGRAM, 0}, allowed},
		{"socket", []uint64{high | unix.AF_INET, high | unix.SOCK_STREAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK, high | unix.IPPROTO_TCP}, allowed},
		{"socket", []uint64{unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP}, allowed},
		{"socket", []uint64{unix.AF_INET, unix.SOCK_SEQPACKET, 0}, noKind},
		{"socket", []uint64{unix.AF_INET6, unix.SOCK_DCCP | unix.SOCK_CLOEXEC, unix.IPPROTO_DCCP}, noKind},
		{"socket", []uint64{unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP}, kindOf},
		{"socket", []uint64{unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_MPTCP}, kindOf},
		{"socket", []uint64{unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE}, kindOf},
		{"socket", []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, allowed},
		{"socket", []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER}, kindOf},
		{"socket", []uint64{high | unix.AF_VSOCK, unix.SOCK_STREAM, 0}, family},
		{"socket", []uint64{unix.AF_ALG, unix.SOCK_SEQPACKET, 0}, family},
		{"socket", []uint64{unix.AF_PACKET, unix.SOCK_RAW, 0}, family},
		{"socketpair", []uint64{unix.AF_UNIX, unix.SOCK_STREAM, 0}, allowed},
		{"socketpair", []uint64{unix.AF_TIPC, unix.SOCK_STREAM, 0}, family},

		{"fsetxattr", nil, notHere},
		{"setxattr", nil, notHere},

		{"personality", []uint64{0xffffffff}, allowed},
		{"personality", []uint64{addrNoRandomize}, allowed},
		{"personality", []uint64{0x0400000}, refused}, // READ_IMPLIES_EXEC

		{"prlimit64", []uint64{0, unix.RLIMIT_CORE, 0, 0x7f0000000000}, allowed}, // asks
		{"prlimit64", []uint64{0, unix.RLIMIT_CORE, 0x7f0000000000, 0}, nothing},
		{"prlimit64", []uint64{0, unix.RLIMIT_CORE, 0x1000, 0}, nothing},
		{"prlimit64", []uint64{0, unix.RLIMIT_NOFILE, 0x7f0000000000, 0}, allowed},
		{"setrlimit", []uint64{unix.RLIMIT_CORE, 0x1000}, nothing},
		{"setrlimit", []uint64{unix.RLIMIT_STACK, 0x1000}, allowed},

		{"ptrace", nil, allowed},
		{"seccomp", nil, allowed},
		{"landlock_restrict_self", nil, allowed},
		{"execve", nil, allowed},
		{"process_vm_readv", nil, allowed},
		{"bpf", nil, refused},
		{"keyctl", nil, refused},
		{"mount", nil, refused},
		{"io_uring_setup", nil, unknown},
	}
	for _, goarch := range architectures {
		m := newMachine(t, goarch, Closed)
		for _, c := range cases {
			number, exists := m.SyscallNames[c.call]
			if !exists {
				continue // open, creat, chmod and mknod are not on arm64
			}
			if got := m.verdict(t, uint32(m.ID), uint32(number), c.args...); got != c.want {
				t.Errorf("%s: %s %#x: %#x, want %#x", goarch, c.call, c.args, got, c.want)
			}
		}
	}
}

// What another sandbox needs is refused in one filter and not in the other.
func TestNesting(t *testing.T) {
	for _, goarch := range architectures {
		closed, nesting := newMachine(t, goarch, Closed), newMachine(t, goarch, Nesting)
		for name := range nestingRules() {
			number := uint32(closed.SyscallNames[name])
			if got := closed.verdict(t, uint32(closed.ID), number, unix.CLONE_NEWUSER); got == allowed {
				t.Errorf("%s: the closed filter allows %s", goarch, name)
			}
			if got := nesting.verdict(t, uint32(nesting.ID), number, unix.CLONE_NEWUSER); got != allowed {
				t.Errorf("%s: the nesting filter refuses %s: %#x", goarch, name, got)
			}
		}
	}
}

// Another sandbox inside sets up its network. It types into no terminal.
func TestRequestsOfNesting(t *testing.T) {
	for _, goarch := range architectures {
		m := newMachine(t, goarch, Nesting)
		for request, want := range map[uint64]uint32{unix.SIOCSIFFLAGS: allowed, unix.NS_GET_USERNS: allowed, unix.TIOCSTI: noRequest, fiemap: noRequest} {
			if got := m.verdict(t, uint32(m.ID), uint32(m.SyscallNames["ioctl"]), 0, request); got != want {
				t.Errorf("%s: ioctl %#x: %#x, want %#x", goarch, request, got, want)
			}
		}
	}
}

// Every number has the verdict of its name, and numbers without a name have
// the one of a kernel that does not know them.
func TestEveryNumber(t *testing.T) {
	rules := rulesFor(Closed)
	for _, goarch := range architectures {
		m := newMachine(t, goarch, Closed)
		for number := range uint32(1200) {
			name, known := m.SyscallNumbers[int(number)]
			got := m.verdict(t, uint32(m.ID), number)
			r, ruled := rules[name]
			switch {
			case !known && got != unknown:
				t.Errorf("%s: number %d, which nobody knows: %#x", goarch, number, got)
			case known && !ruled && got != allowed:
				t.Errorf("%s: %s: %#x", goarch, name, got)
			case known && ruled && r.name == pretend().name:
				if got != nothing {
					t.Errorf("%s: %s: %#x, want %#x", goarch, name, got, nothing)
				}
			case known && ruled && r.end && fmt.Sprintf("errno %d", got&0xffff) != r.name:
				t.Errorf("%s: %s: %#x, want %s", goarch, name, got, r.name)
			}
		}
	}
}

// The same processors have other entries with other numbers.
func TestForeignEntries(t *testing.T) {
	amd, arm := newMachine(t, "amd64", Closed), newMachine(t, "arm64", Closed)
	const x32 = 0x40000000
	for _, name := range []string{"getpid", "read", "mount", "execve"} {
		number := uint32(amd.SyscallNames[name])
		for entry, got := range map[string]uint32{
			"x32":          amd.verdict(t, uint32(amd.ID), number|x32),
			"i386":         amd.verdict(t, uint32(arch.I386.ID), number),
			"32-bit ARM":   arm.verdict(t, uint32(arch.ARM.ID), uint32(arm.SyscallNames[name])),
			"minus number": amd.verdict(t, uint32(amd.ID), ^number),
		} {
			if got != unknown {
				t.Errorf("%s of %s: %#x", name, entry, got)
			}
		}
	}
}

// A rule for a name that no architecture has is a misspelling.
func TestNamesExist(t *testing.T) {
	for name := range rulesFor(Closed) {
		_, amd64 := arch.X86_64.SyscallNames[name]
		_, arm64 := arch.AARCH64.SyscallNames[name]
		if !amd64 && !arm64 {
			t.Errorf("no architecture has %s", name)
		}
	}
}

// The filters that package seccomp holds are the ones that these rules make.
func TestEmbeddedFilters(t *testing.T) {
	for _, goarch := range architectures {
		want, err := Source(goarch)
		if err != nil {
			t.Fatal(err)
		}
		path := "../filters_" + goarch + ".go"
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is old: run go generate ./isolate/internal/seccomp", path)
		}
	}
}
