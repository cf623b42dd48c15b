// Package inherited says what a process was started with, where the Go runtime
// hides it: the runtime installs handlers for signals that were ignored, opens
// /dev/null for standard streams that were closed, and package os raises the
// limit of open files, all before main.
//
// It takes a look before the runtime does: scripts/build links the commands
// with Entry as their first instruction. In a program that was linked without
// it, Known is false and the other functions say what can still be found out.
package inherited

import (
	"os/signal"

	"golang.org/x/sys/unix"
)

// found is what Entry saw; the assembly knows its layout.
var found struct {
	ignored uint64 // a bit for each signal
	closed  uint64 // a bit for each of descriptors 0, 1 and 2
	files   unix.Rlimit
	known   uint64
	slack   int64 // of timers, in nanoseconds (PR_SET_TIMERSLACK, prctl(2))
}

// Entry is the program's first instruction, where the linker was told so. It
// is never called.
func Entry()

// BriefEntry is Entry for a command that mostly lives for milliseconds.
func BriefEntry()

// Known reports whether Entry ran.
func Known() bool { return found.known != 0 }

// Ignores reports whether the process was started with sig ignored, as by nohup(1)
// or by a shell that runs it in the background. Without Entry it knows of
// SIGHUP and SIGINT alone, which the Go runtime leaves as they are, and of
// what the program itself ignores.
func Ignores(sig unix.Signal) bool {
	if !Known() {
		return signal.Ignored(sig)
	}
	return found.ignored&(1<<sig) != 0
}

// Closed reports whether the standard stream of that number, 0 to 2, was closed.
// Without Entry the answer is no.
func Closed(stream int) bool {
	return stream >= 0 && found.closed&(1<<stream) != 0
}

// OpenFiles returns the limit of open files (RLIMIT_NOFILE) that the process was
// started with. ok is false without Entry.
func OpenFiles() (limit unix.Rlimit, ok bool) {
	return found.files, Known()
}

// TimerSlack returns how many nanoseconds later than asked for the process's timers
// could end when it was started. ok is false if that was left alone.
func TimerSlack() (nanoseconds int64, ok bool) {
	return found.slack, found.slack > 0
}
