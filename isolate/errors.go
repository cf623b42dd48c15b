package isolate

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// A SetupError says why no sandbox came to be. The program did not run.
type SetupError struct {
	Doing  string // what was being done, such as "mount"
	Path   string // to what; may be empty
	Err    error  // why it failed
	Remedy string // what a person can do about it, one line; may be empty
}

func (e *SetupError) Error() string {
	s := e.Doing
	if e.Path != "" {
		s += " " + e.Path
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *SetupError) Unwrap() error { return e.Err }

// An ExecError says that the sandbox was there and the program could not be
// executed in it.
type ExecError struct {
	Name   string     // the program as it was named
	Err    unix.Errno // ENOENT where it was not found
	Remedy string     // what a person can do about it, one line; may be empty
}

func (e *ExecError) Error() string {
	if e.Err == unix.ENOENT {
		return fmt.Sprintf("run %s: not found inside the sandbox", e.Name)
	}
	return fmt.Sprintf("run %s: %v", e.Name, e.Err)
}

func (e *ExecError) Unwrap() error { return e.Err }

// An ExitError says that the program ran and did not succeed.
type ExitError struct {
	Status unix.WaitStatus
	// Limit names the limit that ended it, as in "the memory limit of 64M
	// (--memory)" or "the process limit of 4096, the default", or is "".
	Limit string
	// Remedy is what a person can do about a default limit, or about a program
	// that could not start for a library that isn't visible inside; it may be
	// empty.
	Remedy string
	// Output is an *OutputError where some of its output is lost, or nil.
	Output error
}

func (e *ExitError) Unwrap() error { return e.Output }

func (e *ExitError) Error() string {
	if e.Limit != "" {
		return "ended at " + e.Limit
	}
	if e.Status.Signaled() {
		return fmt.Sprintf("killed by signal %d (%v)", int(e.Status.Signal()), e.Status.Signal())
	}
	return fmt.Sprintf("exit status %d", e.Status.ExitStatus())
}

// Exit codes of a wrapper, the convention of env(1), timeout(1) and docker.
const (
	exitOutput        = 1 // what any program says that can't write
	exitSetup         = 125
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128 // plus the signal's number
)

// ExitCode is the status with which a command that wraps a program ends: 0 for
// nil, the program's own status, 128 plus the signal that ended it, 126 and
// 127 for a program that can't be executed or isn't found, 1 for one that
// succeeded and whose output is lost, and 125 for every failure of the
// sandbox's own. The commands end by the signal itself.
func ExitCode(err error) int {
	var exit *ExitError
	var exec *ExecError
	var output *OutputError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.Status.Signaled():
		return exitSignal + int(exit.Status.Signal())
	case errors.As(err, &exit):
		return exit.Status.ExitStatus()
	case errors.As(err, &exec) && exec.Err == unix.ENOENT:
		return exitNotFound
	case errors.As(err, &exec):
		return exitNotExecutable
	case errors.As(err, &output):
		return exitOutput
	}
	return exitSetup
}

// Hint is the remedy that belongs to err, one line, or "" where none is known.
func Hint(err error) string {
	var setup *SetupError
	var exec *ExecError
	var exit *ExitError
	switch {
	case errors.As(err, &setup):
		return setup.Remedy
	case errors.As(err, &exit):
		return exit.Remedy
	case errors.As(err, &exec):
		return exec.Remedy
	}
	return ""
}
