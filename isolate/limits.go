package isolate

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Limits bound what a sandbox uses, all its processes together where nothing
// else is said. Zero is no limit. One that can't be enforced is an error of
// Cmd.Start; how each is enforced is in the Report.
type Limits struct {
	// Memory is in bytes. The sandbox ends when it needs more. Where no cgroup
	// can be had it bounds the data of each process, which then gets no more
	// (RLIMIT_DATA).
	Memory int64
	// Pids is how many processes and threads there may be at a time. No more
	// can be made.
	Pids int
	// CPUs is how many processors' worth of time there is, such as 0.5.
	CPUs float64
	// CPUTime ends the sandbox when it has computed for so long. Where no
	// cgroup can be had it is in seconds, rounded up, and for each process.
	CPUTime time.Duration
	// Time ends the sandbox so long after its start.
	Time time.Duration
	// FileSize is the most bytes that any one file can grow to. A process that
	// writes more gets SIGXFSZ.
	FileSize int64
}

// limitNames are the names of all limits, as they appear in options, reports
// and messages.
var limitNames = [...]string{"memory", "pids", "cpus", "cpu-time", "time", "file-size"}

// LimitNames are the options that Limits.Set knows.
func LimitNames() []string { return limitNames[:] }

// Set sets the limit of the name, one of LimitNames, from text: a size such as
// 512M (ParseSize), a number, or a duration such as 90, 90s or 1h30m. The error
// says what it should be, and leaves it to the caller to say what it is.
func (l *Limits) Set(name, value string) (err error) {
	switch name {
	case "memory":
		if l.Memory, err = ParseSize(value); err == nil && l.Memory < 1<<20 {
			err = errors.New("less than any program needs, which is 1M at least")
		}
	case "file-size":
		l.FileSize, err = ParseSize(value)
	case "pids":
		if l.Pids, err = strconv.Atoi(value); err != nil || l.Pids < 1 {
			err = errors.New("not a number of processes")
		}
	case "cpus":
		l.CPUs, err = strconv.ParseFloat(value, 64)
		if err != nil || !(l.CPUs >= 0.01 && l.CPUs <= 1<<16) {
			err = errors.New("not a number of processors such as 0.5")
		}
	case "cpu-time":
		l.CPUTime, err = parseDuration(value)
	case "time":
		l.Time, err = parseDuration(value)
	default:
		err = errors.New("no such limit")
	}
	return err
}

// get is the limit of the name as text, or "" for none.
func (l *Limits) get(name string) string {
	size := func(n int64) string {
		if n == 0 {
			return ""
		}
		return FormatSize(n)
	}
	duration := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	switch {
	case name == "memory":
		return size(l.Memory)
	case name == "file-size":
		return size(l.FileSize)
	case name == "pids" && l.Pids > 0:
		return strconv.Itoa(l.Pids)
	case name == "cpus" && l.CPUs > 0:
		return strconv.FormatFloat(l.CPUs, 'g', -1, 64)
	case name == "cpu-time":
		return duration(l.CPUTime)
	case name == "time":
		return duration(l.Time)
	}
	return ""
}

// describe names a limit for a person, as in "memory limit of 64M".
func (l *Limits) describe(name string) string {
	words := map[string]string{"cpu-time": "CPU time", "file-size": "file size", "pids": "process", "cpus": "CPU"}
	what, ok := words[name]
	if !ok {
		what = name
	}
	return fmt.Sprintf("%s limit of %s (--%s)", what, l.get(name), name)
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

// FormatSize is what ParseSize reads, with the largest unit that divides n.
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
	Limit string // one of LimitNames, or "tmp-size" (Policy.TmpSize)
	Value string // as Limits.Set reads it
	By    string // "cgroup v2", "cgroup v1", "rlimit", "rlimit of each process", "clock" or "tmpfs"
}
