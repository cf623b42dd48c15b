package isolate

import (
	"cmp"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/initproc"
)

// A SetupError says why no sandbox could be made. The program did not run.
type SetupError struct {
	Doing string // what was being done, such as "mount"
	Path  string // to what; may be empty
	Err   error  // why it failed
	Kind  Kind   // the kind of failure; may be empty
	About string // what Kind is about
	// Where is the place where no sandbox can be made, for kinds that are about it;
	// else nil.
	Where *Surroundings
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

// An ExecError says that the sandbox was made, but the program could not be executed
// in it.
type ExecError struct {
	Name  string     // the program as it was named
	Err   unix.Errno // ENOENT if it was not found
	Kind  Kind       // the kind of failure; may be empty
	Path  string     // where the program is, or would be, outside; may be empty
	About string     // what Kind is about. A stranger may have chosen it: then it has only the characters of plain names, or is empty.
}

func (e *ExecError) Error() string {
	s := fmt.Sprintf("run %s: %v", e.Name, e.Err)
	if e.Err == unix.ENOENT {
		s = fmt.Sprintf("run %s: not found inside the sandbox", e.Name)
	}
	interpreter := "its interpreter " + e.About
	if e.About == "" {
		interpreter = "the interpreter that it names"
	}

	switch e.Kind {
	case KindProgramHidden:
		s += fmt.Sprintf("; %s is not visible inside", e.Path)
	case KindProgramLink:
		s += fmt.Sprintf("; it is a link to %s, which is not visible inside", cmp.Or(e.About, "something"))
	case KindNotProgram:
		s += "; it is neither a program of this machine nor a script whose first line is #! and an interpreter"
	case KindInterpreterHidden:
		s += fmt.Sprintf("; %s is not visible inside", interpreter)
	case KindNoInterpreter:
		s += fmt.Sprintf("; %s does not exist", interpreter)
	}

	return s
}

func (e *ExecError) Unwrap() error { return e.Err }

// An ExitError says that the program ran and did not succeed.
type ExitError struct {
	Status unix.WaitStatus
	// Kind says why it ended, if its status doesn't; else it is empty.
	Kind Kind
	// About is what Kind is about: the name of a limit, or a directory.
	About string
	// Limit names the limit that ended it, as in "the memory limit of 64M" or
	// "the process limit of 4096, the default", or is "".
	Limit string
	// Library is the library that it lacked, or "".
	Library string
	// Output is an *OutputError if some of its output is lost, else nil.
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
	s := fmt.Sprintf("exit status %d", e.Status.ExitStatus())
	switch e.Kind {
	case KindLibrary:
		s += fmt.Sprintf("; its library %s is in %s, which is not visible inside", e.Library, e.About)
	case KindLibrarySought:
		s += fmt.Sprintf("; its library %s is looked for in %s, which is not visible inside", e.Library, e.About)
	}
	return s
}

// Exit codes of a wrapper, the convention of env(1), timeout(1) and docker.
const (
	exitOutput        = 1                   // what any program says that can't write
	exitSetup         = initproc.ExitStatus // 125
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128 // plus the signal's number
)

// ExitCode returns the status with which a command that wraps a program ends: 0 for
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
