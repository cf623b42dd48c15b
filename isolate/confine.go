package isolate

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// namespaces are all that a process can have of its own, but for the network,
// which the policy decides.
const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// identify appends the calls by which init becomes the caller again: of all
// numbers outside, only the caller's own user and group exist inside
// (user_namespaces(7)).
func (p *program) identify(policy *Policy) {
	maps := []struct {
		step          step
		name, content string
	}{
		// Without this the group map is refused to an ordinary user.
		{stepDenySetgroups, "setgroups", "deny"},
		{stepMapUser, "uid_map", fmt.Sprintf("%d %d 1\n", policy.User.UID, os.Geteuid())},
		{stepMapGroup, "gid_map", fmt.Sprintf("%d %d 1\n", policy.User.GID, os.Getegid())},
	}
	for _, m := range maps {
		path := "/proc/self/" + m.name
		p.writeFile(note{m.step, path}, cwd(), path, m.content)
	}
	what := note{stepStartSession, ""}
	p.do(what, unix.SYS_SETSID)
	p.do(what, unix.SYS_UMASK, num(0)) // modes in the tree are meant as written
	p.do(note{stepSetHostname, policy.Hostname}, unix.SYS_SETHOSTNAME, p.str(policy.Hostname), num(len(policy.Hostname)))
	// What the kernel calls no domain. A container's filter may allow only the other call.
	const none = "(none)"
	p.do(note{stepClearDomain, ""}, unix.SYS_SETDOMAINNAME, p.str(none), num(len(none))).fine = anyError
}

// forget overwrites the copy that init has of its caller's command line and
// environment. Nothing there is read again, and /proc/1/cmdline asks nobody's
// permission.
func (p *program) forget() {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return // without /proc outside there is no sandbox, as the next calls find
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const argStart, argEnd, envStart, envEnd = 48 - 3, 49 - 3, 50 - 3, 51 - 3 // proc_pid_stat(5) counts from 1, and pid and name are cut off
	if len(fields) <= envEnd {
		return
	}
	what := note{stepClearCommandLine, ""}
	zero := p.get(what, unix.SYS_OPENAT, cwd(), p.str("/dev/zero"), num(unix.O_RDONLY|unix.O_CLOEXEC), num(0))
	for _, ends := range [][2]int{{argStart, argEnd}, {envStart, envEnd}} {
		from, _ := strconv.ParseUint(fields[ends[0]], 10, 64)
		to, _ := strconv.ParseUint(fields[ends[1]], 10, 64)
		p.do(what, unix.SYS_READ, zero.arg(), num(from), num(to-from))
	}
	p.close(zero)
}

// raiseLoopback brings the loopback interface up. Down, a server inside could
// bind its port and nobody could connect to it.
func (p *program) raiseLoopback() {
	what := note{stepRaiseLoopback, ""}
	s := p.get(what, unix.SYS_SOCKET, num(unix.AF_INET), num(unix.SOCK_DGRAM|unix.SOCK_CLOEXEC), num(0))
	var request [40]byte // struct ifreq, netdevice(7): the name, then the flags
	copy(request[:], "lo")
	request[unix.IFNAMSIZ] = unix.IFF_UP
	p.do(what, unix.SYS_IOCTL, s.arg(), num(unix.SIOCSIFFLAGS), p.data(request[:]))
	p.close(s)
}

// forbidUserNamespaces makes user namespaces, and with them all others,
// impossible inside: the limit counts in the namespace that it is set in
// (namespaces(7)).
func (b *builder) forbidUserNamespaces() {
	b.writeFile(note{stepForbidNamespaces, ""}, b.proc.arg(), "sys/user/max_user_namespaces", "0")
}

// drop appends the calls by which init gives up every privilege, for itself
// and for all that come after it.
func (p *program) drop(policy *Policy) {
	what := note{stepDropPrivileges, ""}
	const keyctlJoinSessionKeyring = 1
	// Where keyctl is refused to us it is refused to the program too.
	p.do(note{stepLeaveKeyring, ""}, unix.SYS_KEYCTL, num(keyctlJoinSessionKeyring), num(0)).fine = anyError
	kept := policy.keptCapabilities()
	for capability := range 64 {
		if kept&(1<<capability) == 0 {
			p.do(what, unix.SYS_PRCTL, num(unix.PR_CAPBSET_DROP), num(capability)).fine = unix.EINVAL // past the last one
		}
	}
	header := p.data([]byte{0x22, 0x05, 0x08, 0x20, 0, 0, 0, 0}) // _LINUX_CAPABILITY_VERSION_3, this process
	sets := uint64(kept)<<32 | uint64(kept)                      // effective and permitted
	set := func() { p.do(what, unix.SYS_CAPSET, header, p.words(sets, uint64(kept), 0)) }
	// User 0 gets no capability back by an exec, and none of these rules can
	// be changed again (capabilities(7)).
	const lockedSecureBits = 1<<0 | 1<<1 | // NOROOT
		1<<2 | 1<<3 | // NO_SETUID_FIXUP
		1<<5 | // KEEP_CAPS stays off
		1<<6 | 1<<7 // NO_CAP_AMBIENT_RAISE
	if kept == 0 {
		p.do(what, unix.SYS_PRCTL, num(unix.PR_SET_SECUREBITS), num(lockedSecureBits))
		set()
	} else {
		set()
		p.do(what, unix.SYS_PRCTL, num(unix.PR_CAP_AMBIENT), num(unix.PR_CAP_AMBIENT_RAISE), num(unix.CAP_SETFCAP))
	}
	p.do(what, unix.SYS_PRCTL, num(unix.PR_SET_NO_NEW_PRIVS), num(1))
	// Nobody inside may look into init: its memory is a copy of the caller's.
	p.do(what, unix.SYS_PRCTL, num(unix.PR_SET_DUMPABLE), num(0))
}

// keptCapabilities are the bits of what the program keeps: nothing. Only where
// another sandbox may be made inside, and the user is root outside, that one
// needs CAP_SETFCAP to map root once more (user_namespaces(7), since Linux
// 5.12); no_new_privs keeps it from being of any other use.
func (p *Policy) keptCapabilities() uint32 {
	if p.UserNamespaces && os.Geteuid() == 0 {
		return 1 << unix.CAP_SETFCAP
	}
	return 0
}

// writeFile appends the calls that write content to an existing file.
func (p *program) writeFile(what note, at arg, path, content string) {
	f := p.get(what, unix.SYS_OPENAT, at, p.str(path), num(unix.O_WRONLY|unix.O_CLOEXEC), num(0))
	p.do(what, unix.SYS_WRITE, f.arg(), p.data([]byte(content)), num(len(content)))
	p.close(f)
}

// becomeProgram appends the calls that a child of init makes before it
// executes the program. stdio are the caller's descriptors for 0, 1 and 2,
// control is init's socket; t is nil where none of them is a terminal.
func (p *program) becomeProgram(policy *Policy, stdio [3]int, control int, t *terminal, l landlock) {
	session := note{stepProgramSession, ""}
	inner := noSlot
	if t == nil {
		p.do(session, unix.SYS_SETSID)
	} else {
		inner = p.openTerminal(note{stepOpenTerminal, ""})
		p.lead(inner)
	}
	what := note{stepSetDescriptors, ""}
	var high [3]slot
	for i, fd := range stdio {
		from := num(fd)
		switch fd {
		case ofTerminal:
			from = inner.arg()
		case ofNothing:
			continue
		case ofNull:
			from = p.get(what, unix.SYS_OPENAT, cwd(), p.str("/dev/null"), num(unix.O_RDWR|unix.O_CLOEXEC), num(0)).arg()
		}
		high[i] = p.get(what, unix.SYS_FCNTL, from, num(unix.F_DUPFD), num(10))
	}
	for i, fd := range stdio {
		if fd == ofNothing {
			p.do(what, unix.SYS_CLOSE, num(i)).fine = unix.EBADF
			continue
		}
		p.do(what, unix.SYS_DUP3, high[i].arg(), num(i), num(0))
	}
	// Here, so that no path from here on leads out through /proc/self/fd. What
	// goes wrong is told over the control socket, which the exec closes.
	const highest = ^uint32(0)
	if control > 3 {
		p.do(what, unix.SYS_CLOSE_RANGE, num(3), num(control-1), num(0))
	}
	p.do(what, unix.SYS_CLOSE_RANGE, num(max(3, control+1)), num(highest), num(0))
	p.do(note{stepEnterDirectory, policy.Dir}, unix.SYS_CHDIR, p.str(policy.Dir))
	p.leaveBehind()
	p.landlock(l)
	p.filter(policy) // last: what comes before may need more than the program does
}
