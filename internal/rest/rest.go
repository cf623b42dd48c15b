// Package rest gives back the memory that a command needs only to start.
package rest

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// After gives the memory back when the delay has passed. A process that lives
// longer mostly waits, and one that has ended by then pays nothing.
func After(delay time.Duration) { time.AfterFunc(delay, release) }

// release gives back every page of the program's file that is unchanged: most of
// what a Go program has in memory, read only while it starts. The next use maps
// the page again. Collecting garbage first, as debug.FreeOSMemory does, takes more
// memory than it gives back.
func release() {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return // nothing depends on it
	}
	var unchanged [][2]uintptr

	file := ""
	for line := range strings.Lines(string(maps)) {
		// "00400000-00537000 r-xp 00000000 fe:00 1234  /usr/bin/isolate", proc_pid_maps(5)
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[5][0] != '/' || fields[1][1] == 'w' {
			continue
		}
		// A dynamic linker has written into pages of the files that it loads, and
		// then made them read-only.
		if file != "" && file != fields[5] {
			return
		}
		file = fields[5]
		first, last, _ := strings.Cut(fields[0], "-")
		from, _ := strconv.ParseUint(first, 16, 64)
		to, _ := strconv.ParseUint(last, 16, 64)
		unchanged = append(unchanged, [2]uintptr{uintptr(from), uintptr(to)})
	}

	for _, r := range unchanged {
		unix.Syscall(unix.SYS_MADVISE, r[0], r[1]-r[0], unix.MADV_DONTNEED)
	}
}
