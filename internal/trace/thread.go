package trace

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// A thread is one that is traced.
type thread struct {
	process int  // the id that it shares with other threads
	pending *Use // of the system call that it is in
	begun   bool // it has had the stop that it begins with
}

// processOf returns the process of a thread.
func processOf(tid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return tid
	}
	for line := range bytes.Lines(status) {
		if text, ok := bytes.CutPrefix(line, []byte("Tgid:")); ok {
			if pid, err := strconv.Atoi(string(bytes.TrimSpace(text))); err == nil {
				return pid
			}
		}
	}
	return tid
}
