package gen

import (
	"fmt"
	"maps"
	"math"
	"slices"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// A rule is what the filter does about one system call. Rules of one name are
// the same.
type rule struct {
	name  string
	end   bool // it returns, and tests nothing
	write func(*assembler) place
}

func allow() rule {
	return rule{"allow", true, func(a *assembler) place { return a.ret(seccomp.ActionAllow) }}
}

func errno(e unix.Errno) rule {
	return rule{fmt.Sprintf("errno %d", int(e)), true, func(a *assembler) place { return a.ret(errnoAction(e)) }}
}

// pretend does nothing and reports success, which is 0.
func pretend() rule { return errno(0) }

// A test looks at the low half of one argument: the kernel takes nearly all that
// are tested here as 32-bit numbers, and ignores what is above.
type test struct {
	argument uint32
	how      bpf.JumpTest
	value    uint32
	high     bool // the high half, for an address
}

func hasAny(argument uint32, bits uint32) test { return test{argument, bpf.JumpBitsSet, bits, false} }
func is(argument uint32, value uint32) test    { return test{argument, bpf.JumpEqual, value, false} }

// when is: yes if every test holds, else no.
func when(name string, yes, no rule, tests ...test) rule {
	return rule{name, false, func(a *assembler) place {
		next, otherwise := a.verdict(yes), a.verdict(no)
		for _, t := range slices.Backward(tests) {
			a.jump(t.how, t.value, next, otherwise)
			next = a.loadArgument(t.argument, t.high)
		}
		return next
	}}
}

// oneOf is: yes if the argument is one of the values, else no.
func oneOf(name string, argument uint32, values []uint32, yes, no rule) rule {
	spans := spans{{0, no}}
	for _, value := range slices.Sorted(slices.Values(values)) {
		spans.add(value, yes)
		if value < math.MaxUint32 {
			spans.add(value+1, no)
		}
	}
	return rule{name, false, func(a *assembler) place {
		a.search(spans)
		return a.loadArgument(argument, false)
	}}
}

// rulesFor returns the rules of all system calls that are not simply allowed.
func rulesFor(kind Kind) map[string]rule {
	rules := map[string]rule{}
	put := func(r rule, names ...string) {
		for _, name := range names {
			rules[name] = r
		}
	}
	refused, unknown := errno(unix.EPERM), errno(unix.ENOSYS)

	// Another kernel, other modules, another system.
	put(refused, "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module",
		"query_module", "get_kernel_syms", "reboot", "swapon", "swapoff", "acct", "nfsservctl", "vhangup", "iopl", "ioperm",
		"modify_ldt", "uselib", "setdomainname")
	// What the machine keeps and says of itself.
	put(refused, "syslog", "lookup_dcookie", "_sysctl", "sysfs", "ustat", "quotactl", "quotactl_fd", "fanotify_init", "fanotify_mark")
	// Clocks, of which there is one for all.
	put(refused, "settimeofday", "clock_settime", "adjtimex", "clock_adjtime")
	// Keys: the program's keyring is its user's too (keyrings(7)).
	put(refused, "add_key", "request_key", "keyctl")
	// Other processes' memory and descriptors by other doors than ptrace(2),
	// and files by numbers instead of by paths that mounts decide. MPI copies
	// messages by process_vm_readv, which reaches what ptrace(2) does and no more.
	put(refused, "process_madvise", "pidfd_getfd", "kcmp", "open_by_handle_at")
	// Inside, the caller's other groups all have the number of nobody's. A
	// program that copies files takes them for its own, and fails to give a file
	// to one of them.
	put(pretend(), "getgroups")
	// Large parts of the kernel that programs can do without, and have been
	// found to be ways into it.
	put(refused, "bpf", "perf_event_open", "userfaultfd")
	// The same, where libraries ask and go another way when the kernel has
	// never heard of it: event loops, libnuma.
	put(unknown, "io_uring_setup", "io_uring_enter", "io_uring_register",
		"mbind", "get_mempolicy", "set_mempolicy", "set_mempolicy_home_node", "migrate_pages", "move_pages",
		"lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "statmount", "listmount",
		"vserver", "security", "tuxcall", "afs_syscall", "getpmsg", "putpmsg")
	// Its flags are in memory, where a filter can't look; the C library then
	// uses clone.
	put(unknown, "clone3")
	// An access control list that new files of others inherit, and memory that
	// no limit counts, under names that no filter sees. Programs that copy
	// attributes know file systems without.
	put(errno(unix.EOPNOTSUPP), "setxattr", "lsetxattr", "fsetxattr", "setxattrat")
	maps.Copy(rules, argumentRules(kind))
	if kind == Closed {
		maps.Copy(rules, nestingRules())
	}
	return rules
}

// nestingRules refuse what only another sandbox inside needs.
func nestingRules() map[string]rule {
	refused := errno(unix.EPERM)
	rules := map[string]rule{
		"clone": when("clone", refused, allow(), hasAny(0, namespaces)),
		// Its mode is in memory, as are the flags of clone3.
		"openat2": errno(unix.ENOSYS),
	}
	for _, name := range []string{"unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr",
		"move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "sethostname"} {
		rules[name] = refused
	}
	return rules
}

const (
	namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
		unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

	// A file with one of these runs as its owner for whoever executes it. The
	// sandbox's own mounts ignore them; the host's don't.
	setIDBits = unix.S_ISUID | unix.S_ISGID

	addrNoRandomize = 0x40000 // personality(2)

	// Of the kinds of sockets, which are numbers up to 15 and some flags above
	// (socket(2)), SOCK_STREAM, SOCK_DGRAM and SOCK_RAW have neither bit.
	otherKinds = 0xc

	// O_TMPFILE without the bit of O_DIRECTORY that it contains.
	makesFile = unix.O_CREAT | 0o20000000
)

// argumentRules returns those that depend on an argument.
func argumentRules(kind Kind) map[string]rule {
	refused := errno(unix.EPERM)
	requests := ioctlRequests
	if kind == Nesting {
		requests = slices.Concat(requests, nestingRequests)
	}
	mode := func(argument uint32) rule {
		return when(fmt.Sprintf("mode in %d", argument), refused, allow(), hasAny(argument, setIDBits))
	}

	// The one device that anybody can make is a whiteout, which deletes a file
	// for whoever lays the directory over another. Some kernels' Landlock
	// takes it for a file.
	device := func(argument uint32) rule {
		return when(fmt.Sprintf("kind in %d", argument), refused, allow(), hasAny(argument, setIDBits|unix.S_IFCHR))
	}
	makingMode := func(flags, argument uint32) rule {
		return when(fmt.Sprintf("mode in %d", argument)+" if made", refused, allow(), hasAny(argument, setIDBits), hasAny(flags, makesFile))
	}
	notUrgent := func(flags uint32) rule {
		return when(fmt.Sprintf("urgent in %d", flags), errno(unix.EOPNOTSUPP), allow(), hasAny(flags, unix.MSG_OOB))
	}

	// The third argument is the address of a new limit.
	lowHalf := when("no address, low half", allow(), pretend(), is(2, 0))
	askingOnly := when("no address", lowHalf, pretend(), test{2, bpf.JumpEqual, 0, true})
	noFamily, noProtocol := errno(unix.EAFNOSUPPORT), errno(unix.EPROTONOSUPPORT)
	routeOnly := when("netlink", allow(), noProtocol, is(2, unix.NETLINK_ROUTE))
	notUnix := when("other families", routeOnly, noFamily, is(0, unix.AF_NETLINK))
	notIP := when("a Unix socket", allow(), notUnix, is(0, unix.AF_UNIX))

	protocols := []uint32{unix.IPPROTO_IP, unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6}
	overIP := when("kind over IP", errno(unix.ESOCKTNOSUPPORT), oneOf("protocol", 2, protocols, allow(), noProtocol), hasAny(1, otherKinds))
	return map[string]rule{
		"chmod": mode(1), "fchmod": mode(1), "fchmodat": mode(2), "fchmodat2": mode(2),
		"mknod": device(1), "mknodat": device(2), // mkdir ignores the bits (mkdir(2))
		"creat": mode(1), "open": makingMode(1, 2), "openat": makingMode(2, 3),

		// It leaves a device node behind, of which Landlock knows nothing.
		"renameat2": when("renameat2", errno(unix.EINVAL), allow(), hasAny(4, unix.RENAME_WHITEOUT)),

		// The limit is 1, which keeps the kernel from handing a dump to a program
		// outside; lower ones do not (core(5)). Whoever sets one wants no dump,
		// and has that.
		"setrlimit": when("setrlimit", pretend(), allow(), is(0, unix.RLIMIT_CORE)),
		"prlimit64": when("prlimit64", askingOnly, allow(), is(1, unix.RLIMIT_CORE)),

		// SCTP, DCCP and their like are modules that a socket loads, and MPTCP is
		// TCP with more to it: what asks for it takes TCP instead.
		"socket":     oneOf("socket", 0, []uint32{unix.AF_INET, unix.AF_INET6}, overIP, notIP),
		"socketpair": when("socketpair", allow(), noFamily, is(0, unix.AF_UNIX)),

		"fcntl": oneOf("fcntl", 1, fcntlCommands, allow(), errno(unix.EINVAL)),
		"ioctl": oneOf("ioctl", 1, requests, allow(), errno(unix.ENOTTY)),

		// Other protocols that a TCP socket can speak are modules, TLS first.
		"setsockopt": when("setsockopt", errno(unix.ENOENT), allow(), is(1, unix.SOL_TCP), is(2, unix.TCP_ULP)),
		// Urgent data on Unix sockets has been a way into the kernel, and a filter
		// doesn't see the kind of socket: TCP's, which next to nobody sends, goes
		// with it. Without a sender there is nothing to receive.
		"sendto": notUrgent(3), "sendmsg": notUrgent(2), "sendmmsg": notUrgent(3),

		// The default, 32-bit, UNAME26 and both, no randomization (debuggers),
		// and to ask. No other old system's ways are needed.
		"personality": oneOf("personality", 0, []uint32{0, 0x8, 0x20000, 0x20008, addrNoRandomize, 0xffffffff}, allow(), refused),
	}
}
