package isolate

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
	"isolate-namespace/isolate/internal/cgroup"
	"isolate-namespace/isolate/internal/kernelfile"
)

// A limiter enforces the limits of one sandbox.
type limiter struct {
	bounds
	ownProc bool // there is a /proc/sys of the sandbox's own
	group   *cgroup.Group
	inForce []InForce
	rlimits []rlimit
	numbers []setting
	timer   *time.Timer // of Time
	stop    chan struct{}
	ended   chan string // the limit because of which we ended the sandbox
}

type rlimit struct {
	resource   int
	soft, hard uint64
}

// A setting is a number of the sandbox's own namespaces.
type setting struct {
	name     string // below /proc/sys
	value    int64
	optional bool
}

// newLimiter finds a way to enforce every limit that is set, and those defaults that
// can be enforced.
func newLimiter(p *Policy) (*limiter, error) {
	m := &limiter{bounds: p.Limits.bounds(), ownProc: !p.ShareProc, stop: make(chan struct{}), ended: make(chan string, 1)}
	if p.Limits.wantGroup() {
		m.group = cgroup.New(m.want())
	}

	for _, name := range limitNames {
		value := m.get(name)
		if value == "" {
			continue
		}
		by := m.byGroup(name)
		if by == "" {
			by = m.fallback(name)
		}
		switch {
		case by != "":
			m.inForce = append(m.inForce, InForce{name, value, by, m.isDefault(name)})
		case m.isDefault(name):
			m.set(name, 0)
		default:
			m.group.Remove()
			return nil, m.unenforceable(name)
		}
	}

	return m, nil
}

// controllers are the cgroup controllers, by the name of the limit that they enforce.
var controllers = map[string]string{"memory": cgroup.Memory, "pids": cgroup.Pids, "cpus": cgroup.CPU, "cpu-time": cgroup.CPUTime}

// want returns what a group is to limit. Only for a limit that is set may systemd be
// asked, and only such a limit forbids swapping.
func (m *limiter) want() cgroup.Want {
	want := cgroup.Want{
		Memory: m.Memory, CPUs: m.CPUs, CPUTime: m.CPUTime > 0, NoSwap: m.isSet("memory"),
	}
	if m.Pids > 0 {
		want.Pids = m.Pids + 1 // for init
	}
	for _, name := range []string{"memory", "pids", "cpus"} {
		if m.isSet(name) {
			want.Ask = append(want.Ask, controllers[name])
		}
	}
	return want
}

// byGroup returns the version of cgroup that enforces the limit of the name, or "".
func (m *limiter) byGroup(name string) string {
	if version := m.group.Version(controllers[name]); version > 0 {
		return fmt.Sprint("cgroup v", version)
	}
	return ""
}

// open opens the files of the group through which init enters it.
func (m *limiter) open() ([]*os.File, error) {
	files, err := m.group.Open()
	if err != nil {
		return files, &SetupError{Doing: "open the control group", Err: err, Kind: KindNoGroup}
	}
	return files, nil
}

// fallback enforces a limit without a cgroup, and says by what, or "" if nothing
// does.
func (m *limiter) fallback(name string) (by string) {
	switch name {
	case "memory":
		// RLIMIT_DATA breaks programs that reserve much and use little, such as
		// JVMs, so it isn't for a default.
		if m.isDefault(name) {
			return ""
		}
		// Not RLIMIT_AS: language runtimes reserve address space that they never
		// use, and RLIMIT_DATA counts only what can be written to.
		m.rlimit(unix.RLIMIT_DATA, uint64(m.Memory), uint64(m.Memory))
		// System V's shared memory isn't data of a process. An ordinary user can't
		// limit it.
		if m.ownProc {
			m.numbers = append(m.numbers, setting{"kernel/shmall", max(1, m.Memory/int64(os.Getpagesize())), true})
		}
		return eachProcess
	case "pids":
		// RLIMIT_NPROC counts in our own user namespace, including init (Linux
		// 5.14), and doesn't bind the machine's root.
		if isRootOutside() {
			return ""
		}
		m.rlimit(unix.RLIMIT_NPROC, uint64(m.Pids)+1, uint64(m.Pids)+1)
		return "rlimit"
	case "cpus":
		return ""
	case "cpu-time":
		seconds := uint64((m.CPUTime + time.Second - 1) / time.Second)
		m.rlimit(unix.RLIMIT_CPU, seconds, seconds+1)
		return eachProcess
	case "file-size":
		m.rlimit(unix.RLIMIT_FSIZE, uint64(m.FileSize), uint64(m.FileSize))
		return "rlimit"
	case "tmp-size":
		return "tmpfs" // bounds.tmpfs
	case "inotify":
		return m.inNamespace(name, int64(m.InotifyInstances))
	case "watches":
		return m.inNamespace(name, int64(m.InotifyWatches))
	}
	return "clock"
}

// inNamespace enforces a limit through a setting of the sandbox's user namespace.
func (m *limiter) inNamespace(name string, n int64) (by string) {
	number := setting{inotifyNumbers[name].namespace, n, m.isDefault(name)}
	if !m.ownProc || unix.Access("/proc/sys/"+number.name, unix.F_OK) != nil {
		return ""
	}
	m.numbers = append(m.numbers, number)
	return "user namespace"
}

// limitNamespaces appends the calls that make these settings.
func (b *builder) limitNamespaces() {
	for _, number := range b.limits.numbers {
		what := calls.SetSysctl.Of("/proc/sys/" + number.name)
		first := b.Len()
		b.WriteFile(what, b.proc.Arg(), "sys/"+number.name, strconv.FormatInt(number.value, 10))
		written := b.From(first)
		for i := range written {
			if number.optional {
				written[i].Fine = calls.AnyError
			}
		}
	}
}

// isRootOutside reports whether we may be the machine's root, whatever our ID is here.
// In nested user namespaces only the innermost map is visible.
func isRootOutside() bool {
	var buffer [4096]byte
	uid := os.Getuid()
	for line := range strings.Lines(string(kernelfile.Peek("/proc/self/uid_map", buffer[:]))) {
		var numbers [3]int // user_namespaces(7): inside, outside, how many
		for i, field := range strings.Fields(line) {
			numbers[i], _ = strconv.Atoi(field)
		}
		if n := uid - numbers[0]; n >= 0 && n < numbers[2] {
			return numbers[1]+n == 0
		}
	}
	return uid == 0
}

// unenforceable says why nothing enforces a limit.
func (m *limiter) unenforceable(name string) error {
	e := &SetupError{Doing: "set the " + m.describe(name), About: name,
		Kind: KindNoGroup, Err: errors.New("no cgroup of its own can be made here")}
	if _, byNamespace := inotifyNumbers[name]; byNamespace {
		e.Kind, e.Err = KindNoLimit, errors.New("this kernel has none for a user namespace")
		if !m.ownProc {
			e.Err = errors.New("that needs a /proc of the sandbox's own")
		}
	}
	return e
}

// rlimit sets a limit for the program, unless the caller's is lower already.
func (m *limiter) rlimit(resource int, soft, hard uint64) {
	var own unix.Rlimit
	if unix.Getrlimit(resource, &own) == nil {
		soft, hard = min(soft, own.Cur), min(hard, own.Max)
	}
	m.rlimits = append(m.rlimits, rlimit{resource, soft, hard})
}

// words lists, for a person, what is in force.
func (m *limiter) words() string {
	var all []string
	for _, f := range m.inForce {
		by := f.By
		if f.Default {
			by += ", default"
		}
		all = append(all, fmt.Sprintf("%s %s (%s)", f.Limit, f.Value, by))
	}
	if all == nil {
		return "none"
	}
	return strings.Join(all, ", ")
}

// setLimits appends the calls that set the program's rlimits.
func setLimits(l *calls.List, m *limiter) {
	for _, r := range m.rlimits {
		l.Do(calls.SetLimit.Of(""), unix.SYS_PRLIMIT64, calls.Num(0), calls.Num(r.resource), l.Words(r.soft, r.hard), calls.Num(0))
	}
}

// watch ends the sandbox by calling kill when a limit is reached for which the kernel
// itself doesn't end it. It returns at once.
func (m *limiter) watch(kill func()) {
	end := func(name string) {
		select {
		case m.ended <- name:
			kill()
		default: // another limit has just ended it
		}
	}
	if m.Time > 0 {
		m.timer = time.AfterFunc(m.Time, func() { end("time") })
	}
	if m.CPUTime > 0 && m.group.Version(cgroup.CPUTime) > 0 {
		go m.watchCPUTime(func() { end("cpu-time") })
	}
	if m.Memory > 0 {
		m.group.OnOOM(func() { end("memory") })
	}
}

// watchCPUTime looks at the CPU time as rarely as possible: not before all processors
// together could have used up the rest.
func (m *limiter) watchCPUTime(end func()) {
	const shortest = 20 * time.Millisecond
	for {
		rest := m.CPUTime - m.group.CPUTime()
		if rest <= 0 {
			end()
			return
		}
		select {
		case <-m.stop:
			return
		case <-time.After(max(rest/time.Duration(onlineCPUs()), shortest)):
		}
	}
}

// verdict stops watching and returns the limit that ended the program, or "". It is
// called once, when only the sandbox's cgroup is left.
func (m *limiter) verdict(status unix.WaitStatus) string {
	close(m.stop)
	if m.timer != nil {
		m.timer.Stop()
	}
	success := status.Exited() && status.ExitStatus() == 0
	select {
	case name := <-m.ended:
		return name
	default:
	}

	switch {
	case success:
	case m.Memory > 0 && m.group.OOMKills() > 0:
		return "memory"
	case m.CPUTime > 0 && gotSignal(status, unix.SIGXCPU):
		return "cpu-time"
	case m.FileSize > 0 && gotSignal(status, unix.SIGXFSZ):
		return "file-size"
	case m.Pids > 0 && m.group.ForksRefused() > 0:
		return "pids"
	}

	return ""
}

// gotSignal reports whether sig ended the program or, as shells report it, a child of
// the program.
func gotSignal(status unix.WaitStatus, sig unix.Signal) bool {
	return status.Signaled() && status.Signal() == sig ||
		status.Exited() && status.ExitStatus() == exitSignal+int(sig)
}

func onlineCPUs() int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil || set.Count() == 0 {
		return 1
	}
	return set.Count()
}
