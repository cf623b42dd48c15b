// Package remedy says what a person can do about what went wrong. Package
// isolate says of which kind it is; what to type depends on the command
// (table.go). What goes wrong with kernels and their twins has no kinds: where
// the reason is found, the remedy is named (kernelspec.go, doctor.go).
package remedy

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/text"
	"isolate-namespace/isolate"
)

// A Command is one that a person started, by its name.
type Command string

// The commands.
const (
	Isolate    Command = "isolate"
	Kernel     Command = "isolate-kernel"
	Kernelspec Command = "isolate-kernelspec"
)

// For returns what to do about an error of package isolate's types, or "" where
// nothing is known to help.
func (c Command) For(err error) string {
	kind, path, about := about(err)
	r := table()[kind]
	own := map[Command]string{Isolate: r.isolate, Kernel: r.kernel, Kernelspec: r.kernelspec}[c]
	if own == "" {
		own = r.all
	}
	return strings.NewReplacer("{about}", about, "{quoted}", text.Quote(about), "{path}", text.Quote(path), "{entry}", entry(about), "{group}", c.Group(), "{change}", c.change(where(err))).Replace(own)
}

// Reason returns why, with the option that set the limit that a program has
// reached.
func Reason(err error) string {
	var exit *isolate.ExitError
	if errors.As(err, &exit) && exit.Kind == isolate.KindReached {
		return err.Error() + option(exit)
	}
	return err.Error()
}

// Limit names the limit that ended a program, with the option that set it.
func Limit(e *isolate.ExitError) string {
	if e.Kind == isolate.KindReached {
		return e.Limit + option(e)
	}
	return e.Limit
}

func option(e *isolate.ExitError) string { return " (--" + e.About + ")" }

// ToShow returns what to do for a path of the machine to be visible.
func (c Command) ToShow(path string) string {
	var st unix.Stat_t
	if unix.Stat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR {
		return c.toAdd("--device " + text.Quote(path))
	}
	return c.For(&isolate.ExecError{Kind: isolate.KindProgramHidden, About: path})
}

// about returns the kind of an error, and what that is about.
func about(err error) (kind isolate.Kind, path, about string) {
	var setup *isolate.SetupError
	var exec *isolate.ExecError
	var exit *isolate.ExitError
	var refusal isolate.Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal.Kind, "", refusal.About
	case errors.Is(err, unix.EMFILE):
		return isolate.KindDescriptors, "", ""
	case errors.Is(err, unix.ENOMEM) && hasAddressLimit():
		return isolate.KindAddressSpace, "", ""
	case errors.As(err, &setup):
		return setup.Kind, setup.Path, setup.About
	case errors.As(err, &exec):
		return exec.Kind, exec.Path, exec.About
	case errors.As(err, &exit):
		return exit.Kind, "", exit.About
	}
	return "", "", ""
}

// where returns the place that an error is about, or nil.
func where(err error) *isolate.Surroundings {
	var setup *isolate.SetupError
	if errors.As(err, &setup) {
		return setup.Where
	}
	return nil
}

// hasAddressLimit reports whether this process may use only a part of its address
// space, ulimit -v.
func hasAddressLimit() bool {
	var limit unix.Rlimit
	return unix.Getrlimit(unix.RLIMIT_AS, &limit) == nil && limit.Cur != unix.RLIM_INFINITY
}

// entry shows paths read-only, as a shell reads it.
func entry(paths ...string) string {
	var mounts []isolate.Mount
	for _, path := range paths {
		mounts = append(mounts, isolate.ReadOnly(path))
	}
	return text.Quote(isolate.FormatMounts(mounts))
}
