// Package version says which build a command is.
package version

import (
	"cmp"
	"runtime"
)

// The linker sets these, as scripts/build has it.
var number, revision string

// Number returns the version as in CHANGELOG.md, such as 1.2.0, or "unversioned"
// for a command that scripts/build didn't make.
func Number() string { return cmp.Or(number, "unversioned") }

// Line returns what a command called name prints for --version, without an end
// of line: the version, the revision of the source, the version of Go and the
// machine it is built for.
func Line(name string) string {
	return name + " " + Number() + " (revision " + cmp.Or(revision, "unknown") + ", " +
		runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")"
}
