package isolate

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Unlimited, as the value of a limit, lifts it, even if zero means a default.
const Unlimited = -1

// Limits bound what all processes of a sandbox use together, unless a limit says
// otherwise. Zero means the limit's default, or no limit if it has none. A limit
// that is set and can't be enforced is an error of Cmd.Start; a default that can't be
// enforced is left out. Cmd.InForce says which limits hold, and how.
type Limits struct {
	// Memory is in bytes. A sandbox that needs more ends. Without a cgroup it
	// bounds the data of each process, which then gets no more (RLIMIT_DATA). The
	// default is nine tenths of the memory if there is a cgroup. "The memory", here
	// and below, is the least of the machine's memory and of what the control
	// groups that the caller is in may use.
	Memory int64
	// Pids is how many processes and threads there may be at a time. The default
	// is 4096; without a cgroup there is none for the machine's root.
	Pids int
	// CPUs is how many processors' worth of time there is, such as 0.5.
	CPUs float64
	// CPUTime ends the sandbox when it has computed for so long. Without a cgroup
	// it is in seconds, rounded up, and for each process.
	CPUTime time.Duration
	// Time ends the sandbox so long after its start.
	Time time.Duration
	// FileSize is the most bytes that any one file can grow to. A process that
	// writes more gets SIGXFSZ.
	FileSize int64
	// TmpSize is how many bytes the program can store in its private
	// directories (HOME, /tmp, /var/tmp and /dev/shm) and in the changes of
	// CopyOnWrite mounts, together. When they are full, writing fails with ENOSPC.
	// The default is a quarter of the memory, and no more than Memory if that is
	// set. Unlimited means as much as the machine's memory.
	TmpSize int64
	// InotifyInstances and InotifyWatches bound inotify(7). The default is half of
	// what the caller's user may have, so that the user's other programs can have
	// the rest.
	InotifyInstances, InotifyWatches int

	// Group makes a cgroup for the defaults, too, if the caller's own cgroup can
	// have another inside. That takes a millisecond or two, so it is for programs
	// that run for long. Without Group, a cgroup is made only for a limit that is
	// set and needs one; the defaults then use it as well.
	Group bool
}

// wantGroup reports whether a cgroup is to be tried.
func (l *Limits) wantGroup() bool {
	return l.Group || l.Memory > 0 || l.Pids > 0 || l.CPUs > 0 || l.CPUTime > 0
}

// limitNames are the names of all limits, as they appear in options, reports
// and messages.
var limitNames = [...]string{"memory", "pids", "cpus", "cpu-time", "time", "file-size", "tmp-size", "inotify", "watches"}

// LimitNames returns the options that Limits.Set knows.
func LimitNames() []string { return limitNames[:] }

// field returns where the limit of the name is, nil if there is none.
func (l *Limits) field(name string) any {
	switch name {
	case "memory":
		return &l.Memory
	case "pids":
		return &l.Pids
	case "cpus":
		return &l.CPUs
	case "cpu-time":
		return &l.CPUTime
	case "time":
		return &l.Time
	case "file-size":
		return &l.FileSize
	case "tmp-size":
		return &l.TmpSize
	case "inotify":
		return &l.InotifyInstances
	case "watches":
		return &l.InotifyWatches
	}
	return nil
}

// Set sets the limit of the name, one of LimitNames, from text: a size such as 512M
// (ParseSize), a number, a duration such as 90, 90s or 1h30m, or none. The error
// describes the expected form; the caller adds the option and the value.
func (l *Limits) Set(name, value string) (err error) {
	if value == "none" {
		return l.set(name, Unlimited)
	}

	switch field := l.field(name).(type) {
	case *int64:
		if *field, err = ParseSize(value); err == nil && name == "memory" && l.Memory < 1<<20 {
			err = errors.New("less than any program needs, which is 1M at least")
		}
	case *int:
		if *field, err = strconv.Atoi(value); err != nil || *field < 1 {
			err = errors.New("not a number such as 64")
		}
	case *float64:
		if *field, err = strconv.ParseFloat(value, 64); err != nil || !(*field >= 0.01 && *field <= 1<<16) {
			err = errors.New("not a number of processors such as 0.5")
		}
	case *time.Duration:
		*field, err = parseDuration(value)
	default:
		err = errors.New("no such limit")
	}

	return err
}

// set sets the limit of the name to a plain number.
func (l *Limits) set(name string, n int64) error {
	switch field := l.field(name).(type) {
	case *int64:
		*field = n
	case *int:
		*field = int(n)
	case *float64:
		*field = float64(n)
	case *time.Duration:
		*field = time.Duration(n)
	default:
		return errors.New("no such limit")
	}
	return nil
}

// get returns the limit of the name as text, or "" for none.
func (l *Limits) get(name string) string {
	switch field := l.field(name).(type) {
	case *int64:
		if *field > 0 {
			return FormatSize(*field)
		}
	case *int:
		if *field > 0 {
			return strconv.Itoa(*field)
		}
	case *float64:
		if *field > 0 {
			return strconv.FormatFloat(*field, 'g', -1, 64)
		}
	case *time.Duration:
		if *field > 0 {
			return field.String()
		}
	}
	return ""
}

// ParseSize reads a number of bytes with an optional K, M, G or T, of 1024.
func ParseSize(s string) (int64, error) {
	digits, unit := s, int64(1)
	if s != "" {
		if i := strings.IndexByte("KMGT", s[len(s)-1]&^0x20); i >= 0 {
			unit, digits = 1<<(10*(i+1)), s[:len(s)-1]
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/2/unit || digits[0] == '+' {
		return 0, errors.New("not a size such as 64M")
	}
	return n * unit, nil
}

// FormatSize returns what ParseSize reads, with the largest unit that divides n.
func FormatSize(n int64) string {
	units := []string{"", "K", "M", "G", "T"}
	i := 0
	for n != 0 && n%1024 == 0 && i < len(units)-1 {
		n, i = n/1024, i+1
	}
	return strconv.FormatInt(n, 10) + units[i]
}

// parseDuration reads a number of seconds or what time.ParseDuration does.
func parseDuration(s string) (time.Duration, error) {
	if n, err := strconv.ParseFloat(s, 64); err == nil && n < 1e9 {
		s = strconv.FormatFloat(n, 'f', -1, 64) + "s"
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, errors.New("not a time such as 90, 90s or 1h30m")
	}
	return d, nil
}

// InForce says how one limit is enforced.
type InForce struct {
	Limit   string // one of LimitNames
	Value   string // as Limits.Set reads it
	By      string // "cgroup v2", "cgroup v1", "rlimit", "rlimit of each process", "clock", "tmpfs" or "user namespace"
	Default bool   // it was not asked for
}

// eachProcess says how a limit is enforced on each process by itself.
const eachProcess = "rlimit of each process"

// EachProcess reports whether the limit bounds each process by itself, and not all
// together.
func (f InForce) EachProcess() bool { return f.By == eachProcess }
