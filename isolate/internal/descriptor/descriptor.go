// Package descriptor says which descriptor an open file has.
package descriptor

import (
	"os"
	"strconv"
)

// Of returns f's number, or -1 if it is closed. File.Fd would make the file
// blocking for the caller too.
func Of(f *os.File) (fd int) {
	fd = -1
	if raw, err := f.SyscallConn(); err == nil {
		raw.Control(func(n uintptr) { fd = int(n) })
	}
	return fd
}

// Path returns the name under which f can be opened again.
func Path(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(Of(f)) }
