package isolate

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/inherited"
	"isolate-namespace/isolate/internal/calls"
	"isolate-namespace/isolate/internal/kernelfile"
)

// leaveBehind appends the calls by which the program gets the state of a fresh
// process, whatever the caller's is. Its session, keys and descriptors are set
// elsewhere.
//
// What was given to the caller on purpose stays: a higher niceness, fewer
// processors and lower limits, by nice(1), taskset(1) and ulimit, ignored
// signals by nohup(1) or a shell's &, a umask for a directory that a group
// shares.
func leaveBehind(l *calls.List) {
	what := calls.SetUpProcess.Of("")
	l.Do(what, unix.SYS_UMASK, calls.Num(callersUmask()))
	ignoreSignals(l, what)
	soft, hard := fileLimit()
	l.Do(what, unix.SYS_PRLIMIT64, calls.Num(0), calls.Num(unix.RLIMIT_NOFILE), l.Words(soft, hard), calls.Num(0))
	dropPriority(l, what)
	l.Do(what, unix.SYS_RT_SIGPROCMASK, calls.Num(unix.SIG_SETMASK), l.Words(0), calls.Num(0), calls.Num(8))
}

// dumpNothing appends the call by which a process, and all that it starts, leaves no
// core dump: init's would be of its caller's memory, if a filter of system calls kills
// it. 1 byte is too little for a file, and is the only limit at which the kernel
// doesn't start the machine's program for dumps either (core(5)). For a socket see
// emptyDumps.
func dumpNothing(l *calls.List) {
	l.Do(calls.SetLimit.Of(""), unix.SYS_PRLIMIT64, calls.Num(0), calls.Num(unix.RLIMIT_CORE), l.Words(1, 1), calls.Num(0))
}

// keepSlack appends the call by which init and the program have the timer slack that the
// caller was started with, if that has another one now.
func keepSlack(l *calls.List) {
	if slack, ok := inherited.TimerSlack(); ok {
		l.Do(calls.SetUpProcess.Of(""), unix.SYS_PRCTL, calls.Num(unix.PR_SET_TIMERSLACK), calls.Num(slack))
	}
}

// callersUmask returns the caller's umask. umask(2) would change it for all threads
// for a moment.
func callersUmask() int {
	const usual = 0o022
	var buffer [4096]byte
	status := kernelfile.Peek("/proc/self/status", buffer[:])
	_, rest, _ := bytes.Cut(status, []byte("\nUmask:\t"))
	text, _, _ := strings.Cut(string(rest), "\n")
	umask, err := strconv.ParseUint(text, 8, 16)
	if err != nil {
		return usual
	}
	return int(umask)
}

// ignoreSignals appends the calls by which the program ignores what the caller
// was started to ignore. Init has reset all signals to their defaults.
func ignoreSignals(l *calls.List, what calls.Note) {
	const last = 31 // real-time signals have no meaning that a program could inherit
	for sig := unix.Signal(1); sig <= last; sig++ {
		if sig != unix.SIGKILL && sig != unix.SIGSTOP && inherited.Ignores(sig) {
			const ignore = 1 // SIG_IGN, in a struct kernel_sigaction without flags and mask
			l.Do(what, unix.SYS_RT_SIGACTION, calls.Num(sig), l.Words(ignore, 0, 0, 0), calls.Num(0), calls.Num(8))
		}
	}
}

// fileLimit returns how many descriptors the program may have open. Package os has
// raised our limit. If the old one isn't known, our parent usually has the limit that
// we had. Programs that use select(2) break above 1024, the usual number.
func fileLimit() (soft, hard uint64) {
	if limit, ok := inherited.OpenFiles(); ok {
		return limit.Cur, limit.Max
	}
	var own, parents unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &own) != nil {
		own = unix.Rlimit{Cur: 1024, Max: 1024}
	}
	if own.Cur != own.Max-1 {
		return own.Cur, own.Max
	}
	err := unix.Prlimit(os.Getppid(), unix.RLIMIT_NOFILE, nil, &parents)
	if err == nil && parents.Max == own.Max && parents.Cur != own.Cur {
		return parents.Cur, own.Max
	}
	return min(1024, own.Max), own.Max
}

// dropPriority appends the calls that give up priorities that only root can grant.
func dropPriority(l *calls.List, what calls.Note) {
	const normal, byRealTime = 20, 1 // of getpriority(2)'s result; an I/O class, ioprio_set(2)
	if level, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil && level > normal {
		l.Do(what, unix.SYS_SETPRIORITY, calls.Num(unix.PRIO_PROCESS), calls.Num(0), calls.Num(0))
	}
	policy, _, _ := unix.RawSyscall(unix.SYS_SCHED_GETSCHEDULER, 0, 0, 0)
	if policy == unix.SCHED_FIFO || policy == unix.SCHED_RR || policy == unix.SCHED_DEADLINE {
		l.Do(what, unix.SYS_SCHED_SETSCHEDULER, calls.Num(0), calls.Num(unix.SCHED_NORMAL), l.Words(0))
	}
	for _, resource := range []int{unix.RLIMIT_NICE, unix.RLIMIT_RTPRIO} {
		var limit unix.Rlimit
		if err := unix.Getrlimit(resource, &limit); err == nil && limit.Cur > 0 {
			l.Do(what, unix.SYS_PRLIMIT64, calls.Num(0), calls.Num(resource), l.Words(0, 0), calls.Num(0))
		}
	}
	io, _, _ := unix.RawSyscall(unix.SYS_IOPRIO_GET, 1 /* IOPRIO_WHO_PROCESS */, 0, 0)
	if io>>13 == byRealTime {
		l.Do(what, unix.SYS_IOPRIO_SET, calls.Num(1), calls.Num(0), calls.Num(0))
	}
}

// volunteer makes the sandbox end before its caller when the machine runs out of
// memory: its score is halfway between the caller's and the highest. Init does it for
// all; the program can't any more once its files in /proc are closed.
func volunteer(l *calls.List) {
	const path, highest = "/proc/self/oom_score_adj", 1000
	var buffer [16]byte
	text := kernelfile.Peek(path, buffer[:])
	if len(text) == 0 {
		return
	}
	own, _ := strconv.Atoi(string(text))
	l.WriteFile(calls.Volunteer.Of(path), calls.CWD(), path, strconv.Itoa((max(own, 0)+highest)/2))
}

// emptyDumps leaves all memory out of core dumps: if the machine sends them to a
// socket, no limit prevents that (core(5), a pattern that begins with @, Linux 6.16). A
// kernel that makes no dumps has no such file.
func emptyDumps(l *calls.List) {
	path := "/proc/self/coredump_filter"
	what := calls.EmptyDumps.Of(path)
	f := l.Get(what, unix.SYS_OPENAT, calls.CWD(), l.Str(path), calls.Num(unix.O_WRONLY|unix.O_CLOEXEC), calls.Num(0))
	l.Last().Fine = unix.ENOENT
	l.Do(what, unix.SYS_WRITE, f.Arg(), l.Str("0"), calls.Num(1)).Fine = unix.EBADF
	l.Do(what, unix.SYS_CLOSE, f.Arg()).Fine = unix.EBADF
}
