package isolate

import (
	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
	"isolate-namespace/isolate/internal/seccomp"
	"isolate-namespace/isolate/internal/terminal"
)

// prepareProgram appends the calls that a child of init makes before it executes
// the program. stdio are the caller's descriptors for 0, 1 and 2, control is
// init's socket.
func prepareProgram(l *calls.List, policy *Policy, stdio [3]int, control int, terminals terminal.Set, t *tree) {
	session := calls.ProgramSession.Of("")
	var inner [3]calls.Slot
	if len(terminals) == 0 {
		l.Do(session, unix.SYS_SETSID)
	} else {
		inner = terminals.Enter(l)
	}

	what := calls.SetDescriptors.Of("")
	var high [3]calls.Slot
	for i, fd := range stdio {
		from := calls.Num(fd)
		switch fd {
		case ofTerminal, ofTerminal - 1, ofTerminal - 2:
			from = inner[ofTerminal-fd].Arg()
		case ofNothing:
			continue
		case ofNull:
			from = l.Get(what, unix.SYS_OPENAT, calls.CWD(), l.Str("/dev/null"), calls.Num(unix.O_RDWR|unix.O_CLOEXEC), calls.Num(0)).Arg()
		}
		high[i] = l.Get(what, unix.SYS_FCNTL, from, calls.Num(unix.F_DUPFD), calls.Num(10))
	}

	for i, fd := range stdio {
		if fd == ofNothing {
			l.Do(what, unix.SYS_CLOSE, calls.Num(i)).Fine = unix.EBADF
			continue
		}
		l.Do(what, unix.SYS_DUP3, high[i].Arg(), calls.Num(i), calls.Num(0))
	}

	// Here, so that no path below can lead out through /proc/self/fd. Errors are
	// sent over the control socket, which the exec closes.
	const highest = ^uint32(0)
	if control > 3 {
		l.Do(what, unix.SYS_CLOSE_RANGE, calls.Num(3), calls.Num(control-1), calls.Num(0))
	}
	l.Do(what, unix.SYS_CLOSE_RANGE, calls.Num(max(3, control+1)), calls.Num(highest), calls.Num(0))
	l.Do(calls.EnterDirectory.Of(policy.Dir), unix.SYS_CHDIR, l.Str(policy.Dir))
	leaveBehind(l)
	enterLandlock(l, t.wall)
	seccomp.Load(l, policy.AllowUserNamespaces, requestsTo(t.devices)) // last: the calls before it may need more than the program does
}
