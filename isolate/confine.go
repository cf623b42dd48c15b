package isolate

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
	"isolate-namespace/isolate/internal/kernelfile"
)

// namespaces are all namespaces that a process can have, except the network, about
// which the policy decides.
const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// mapUser appends the calls by which init becomes the caller again: of all IDs
// outside, only the caller's own user and group exist inside (user_namespaces(7)).
func mapUser(l *calls.List, policy *Policy) {
	maps := []struct {
		step          calls.Step
		name, content string
	}{
		// Without this an ordinary user may not write the group map.
		{calls.DenySetgroups, "setgroups", "deny"},
		{calls.MapUser, "uid_map", fmt.Sprintf("%d %d 1\n", policy.User.UID, os.Geteuid())},
		{calls.MapGroup, "gid_map", fmt.Sprintf("%d %d 1\n", policy.User.GID, os.Getegid())},
	}
	for _, m := range maps {
		path := "/proc/self/" + m.name
		l.WriteFile(m.step.Of(path), calls.CWD(), path, m.content)
	}
}

// identify appends the calls by which init gets a session and names of its own.
func identify(l *calls.List, policy *Policy) {
	what := calls.StartSession.Of("")
	l.Do(what, unix.SYS_SETSID)
	l.Do(what, unix.SYS_UMASK, calls.Num(0)) // modes in the tree are meant as written
	nameHost(l, policy)
}

// forget overwrites init's copy of its caller's command line and environment. Nothing
// reads them again, and everybody may read /proc/1/cmdline.
func forget(l *calls.List) {
	var buffer [1024]byte
	stat := kernelfile.Peek("/proc/self/stat", buffer[:])
	if len(stat) == 0 {
		return // without /proc outside the next calls fail, and there is no sandbox
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const argStart, argEnd, envStart, envEnd = 48 - 3, 49 - 3, 50 - 3, 51 - 3 // proc_pid_stat(5) counts from 1, and pid and name are cut off
	if len(fields) <= envEnd {
		return
	}
	what := calls.ClearCommandLine.Of("")
	zero := l.Get(what, unix.SYS_OPENAT, calls.CWD(), l.Str("/dev/zero"), calls.Num(unix.O_RDONLY|unix.O_CLOEXEC), calls.Num(0))
	for _, ends := range [][2]int{{argStart, argEnd}, {envStart, envEnd}} {
		from, _ := strconv.ParseUint(fields[ends[0]], 10, 64)
		to, _ := strconv.ParseUint(fields[ends[1]], 10, 64)
		l.Do(what, unix.SYS_READ, zero.Arg(), calls.Num(from), calls.Num(to-from))
	}
	l.Close(zero)
}

// raiseLoopback brings the loopback interface up. Otherwise a server inside could bind
// its port, but nobody could connect to it.
func raiseLoopback(l *calls.List) {
	what := calls.RaiseLoopback.Of("")
	s := l.Get(what, unix.SYS_SOCKET, calls.Num(unix.AF_INET), calls.Num(unix.SOCK_DGRAM|unix.SOCK_CLOEXEC), calls.Num(0))
	var request [40]byte // struct ifreq, netdevice(7): the name, then the flags
	copy(request[:], "lo")
	request[unix.IFNAMSIZ] = unix.IFF_UP
	l.Do(what, unix.SYS_IOCTL, s.Arg(), calls.Num(unix.SIOCSIFFLAGS), l.Data(request[:]))
	l.Close(s)
}

// forbidUserNamespaces makes user namespaces, and so all others, impossible inside: the
// limit holds in the namespace in which it is set (namespaces(7)).
func (b *builder) forbidUserNamespaces() {
	b.WriteFile(calls.ForbidNamespaces.Of(""), b.proc.Arg(), "sys/user/max_user_namespaces", "0")
}

// dropPrivileges appends the calls by which init gives up every privilege, for itself
// and for all its children.
func dropPrivileges(l *calls.List, policy *Policy) {
	what := calls.DropPrivileges.Of("")
	const keyctlJoinSessionKeyring = 1
	// If a filter refuses keyctl to us, it refuses it to the program, too.
	l.Do(calls.LeaveKeyring.Of(""), unix.SYS_KEYCTL, calls.Num(keyctlJoinSessionKeyring), calls.Num(0)).Fine = calls.AnyError
	kept := policy.keptCapabilities()
	for capability := range 64 {
		if kept&(1<<capability) == 0 {
			l.Do(what, unix.SYS_PRCTL, calls.Num(unix.PR_CAPBSET_DROP), calls.Num(capability)).Fine = unix.EINVAL // past the last one
		}
	}

	header := l.Data([]byte{0x22, 0x05, 0x08, 0x20, 0, 0, 0, 0}) // _LINUX_CAPABILITY_VERSION_3, this process
	sets := uint64(kept)<<32 | uint64(kept)                      // effective and permitted
	set := func() { l.Do(what, unix.SYS_CAPSET, header, l.Words(sets, uint64(kept), 0)) }

	// Root gets no capability back by an exec, and these rules can't be changed
	// again (capabilities(7)).
	const lockedSecureBits = 1<<0 | 1<<1 | // NOROOT
		1<<2 | 1<<3 | // NO_SETUID_FIXUP
		1<<5 | // KEEP_CAPS stays off
		1<<6 | 1<<7 // NO_CAP_AMBIENT_RAISE
	if kept == 0 {
		l.Do(what, unix.SYS_PRCTL, calls.Num(unix.PR_SET_SECUREBITS), calls.Num(lockedSecureBits))
		set()
	} else {
		set()
		l.Do(what, unix.SYS_PRCTL, calls.Num(unix.PR_CAP_AMBIENT), calls.Num(unix.PR_CAP_AMBIENT_RAISE), calls.Num(unix.CAP_SETFCAP))
	}

	l.Do(what, unix.SYS_PRCTL, calls.Num(unix.PR_SET_NO_NEW_PRIVS), calls.Num(1))
	// Nobody inside may read init's memory, which is a copy of the caller's.
	l.Do(what, unix.SYS_PRCTL, calls.Num(unix.PR_SET_DUMPABLE), calls.Num(0))
}

// keptCapabilities returns the capabilities that the program keeps, as bits: none,
// unless another sandbox may be made inside and the user is root outside. That one
// needs CAP_SETFCAP to map root again (user_namespaces(7), since Linux 5.12);
// no_new_privs prevents any other use of it.
func (p *Policy) keptCapabilities() uint32 {
	if p.AllowUserNamespaces && os.Geteuid() == 0 {
		return 1 << unix.CAP_SETFCAP
	}
	return 0
}
