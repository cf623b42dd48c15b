package isolate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/cgroup"
)

// A Report says how a program ended and what it used.
type Report struct {
	// Status is the program's exit status, or -1 if a signal ended it.
	Status int
	// Signal is the number of the signal that ended it, or 0.
	Signal int
	// Limit is the limit that ended it, one of LimitNames, or "".
	Limit string
	// Wall is the time from the start of the sandbox to its end.
	Wall time.Duration
	// CPU is the time that all processes of the sandbox have computed, in user
	// mode and in the kernel.
	CPU time.Duration
	// Memory is the most that the sandbox had at a time, in bytes. It is 0 if that
	// isn't known: without a memory limit, or with one that no cgroup enforces.
	Memory int64
	// LargestProcess is the most memory that any one process had, in bytes.
	LargestProcess int64
	// Missed is what the program looked for and the sandbox didn't show, or nil if
	// the policy doesn't ask for that.
	Missed *Missed
	// InForce are the limits that held, and how each was enforced.
	InForce []InForce
	// KeptNames are "hostname" and "domainname" where the program saw the caller's,
	// since a filter of system calls kept the sandbox's own from being set.
	KeptNames []string
}

// report is made once the sandbox has ended.
func (m *limiter) report(status unix.WaitStatus, usage *unix.Rusage, start time.Time) Report {
	r := Report{
		Status: status.ExitStatus(), Limit: m.verdict(status), InForce: m.inForce, Wall: time.Since(start),
		CPU:    time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
		Memory: m.group.PeakMemory(), LargestProcess: usage.Maxrss << 10,
	}
	if m.group.Version(cgroup.CPUTime) > 0 {
		// The process's own sum lacks children that nobody has waited for.
		r.CPU = max(r.CPU, m.group.CPUTime())
	}
	if status.Signaled() {
		r.Signal = int(status.Signal())
	}
	return r
}

// JSON returns the report as share/report.schema.json has it: times in seconds.
func (r *Report) JSON() []byte {
	var b strings.Builder
	null := func(absent bool, value string) string {
		if absent {
			return "null"
		}
		return value
	}
	fmt.Fprintf(&b, "{\n  \"status\": %s,\n", null(r.Status < 0, strconv.Itoa(r.Status)))

	fmt.Fprintf(&b, "  \"signal\": %s,\n", null(r.Signal == 0, strconv.Itoa(r.Signal)))
	fmt.Fprintf(&b, "  \"limit\": %s,\n", null(r.Limit == "", strconv.Quote(r.Limit)))
	fmt.Fprintf(&b, "  \"wall_seconds\": %.6f,\n", r.Wall.Seconds())
	fmt.Fprintf(&b, "  \"cpu_seconds\": %.6f,\n", r.CPU.Seconds())
	fmt.Fprintf(&b, "  \"peak_memory_bytes\": %s,\n", null(r.Memory == 0, strconv.FormatInt(r.Memory, 10)))
	fmt.Fprintf(&b, "  \"largest_process_bytes\": %d,\n", r.LargestProcess)
	b.WriteString("  \"in_force\": [")
	for i, f := range r.InForce {
		if i > 0 {
			b.WriteString(",")
		}
		// Names and values are of letters, digits and dots.
		fmt.Fprintf(&b, "\n    {\"limit\": %q, \"value\": %q, \"by\": %q, \"default\": %t}", f.Limit, f.Value, f.By, f.Default)
	}

	if len(r.InForce) > 0 {
		b.WriteString("\n  ")
	}
	b.WriteString("],\n  \"kept_names\": [")
	for i, name := range r.KeptNames {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(name))
	}
	b.WriteString("]")
	if r.Missed != nil {
		b.WriteString(",\n  \"missed\": ")
		r.Missed.json(&b)
	}
	b.WriteString("\n}\n")
	return []byte(b.String())
}
