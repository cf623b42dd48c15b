package isolate

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// leaveBehind appends the calls by which the program gets the state that any
// new process has, whatever the caller's is. Signals that the caller ignores
// are init's business, its session, keys and descriptors are seen to elsewhere.
//
// A higher niceness, fewer processors and lower limits were given to the
// caller on purpose, by nice(1), taskset(1) and ulimit, and stay.
func (p *program) leaveBehind() {
	what := note{"set up the program's process", ""}
	p.do(what, unix.SYS_UMASK, num(newUmask()))
	// Too little for a file, and the one number at which the kernel starts no
	// program of the machine's to take the dump, either (core(5)).
	p.do(what, unix.SYS_PRLIMIT64, num(0), num(unix.RLIMIT_CORE), p.words(1, 1), num(0))
	soft, hard := fileLimit()
	p.do(what, unix.SYS_PRLIMIT64, num(0), num(unix.RLIMIT_NOFILE), p.words(soft, hard), num(0))
	p.dropPriority(what)
	p.do(what, unix.SYS_RT_SIGPROCMASK, num(unix.SIG_SETMASK), p.words(0), num(0), num(8))
}

// newUmask is the usual one, or the caller's where that is stricter.
func newUmask() int {
	const usual = 0o022
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := bytes.Cut(status, []byte("\nUmask:\t"))
	text, _, _ := strings.Cut(string(rest), "\n")
	callers, _ := strconv.ParseUint(text, 8, 16)
	return usual | int(callers)&0o777
}

// fileLimit is how many descriptors a process can have open. The Go runtime has
// raised ours to one below the highest and remembers the old number where we
// can't read it; our parent as a rule has what we had. Programs that use
// select(2) break at more than 1024, the usual number.
func fileLimit() (soft, hard uint64) {
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

// dropPriority appends the calls that give up what only root can hand out.
func (p *program) dropPriority(what note) {
	const normal, byRealTime = 20, 1 // of getpriority(2)'s result; an I/O class, ioprio_set(2)
	if level, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil && level > normal {
		p.do(what, unix.SYS_SETPRIORITY, num(unix.PRIO_PROCESS), num(0), num(0))
	}
	policy, _, _ := unix.RawSyscall(unix.SYS_SCHED_GETSCHEDULER, 0, 0, 0)
	if policy == unix.SCHED_FIFO || policy == unix.SCHED_RR || policy == unix.SCHED_DEADLINE {
		p.do(what, unix.SYS_SCHED_SETSCHEDULER, num(0), num(unix.SCHED_NORMAL), p.words(0))
	}
	io, _, _ := unix.RawSyscall(unix.SYS_IOPRIO_GET, 1 /* IOPRIO_WHO_PROCESS */, 0, 0)
	if io>>13 == byRealTime {
		p.do(what, unix.SYS_IOPRIO_SET, num(1), num(0), num(0))
	}
}

// volunteer makes the sandbox what ends when the machine runs out of memory,
// before its caller: halfway from the caller's number to the highest. Init does
// it for all; the program can't, once nobody may look into it.
func (p *program) volunteer() {
	text, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		return
	}
	const highest = 1000
	own, _ := strconv.Atoi(string(bytes.TrimSpace(text)))
	path := "/proc/self/oom_score_adj"
	p.writeFile(note{"write", path}, cwd(), path, strconv.Itoa((max(own, 0)+highest)/2))
}
