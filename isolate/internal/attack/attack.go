// Package attack is what a hostile program tries, and the world that it tries
// it on. Tests make both; nothing of the product imports it.
//
// An attack fails inside a sandbox, and succeeds in its control, where nothing
// but the protection is missing: otherwise it may fail to attack.
package attack

import "slices"

// An Attack is something that a program tries to do to what it wasn't given.
type Attack struct {
	Name    string // what it does, as in "reads a file beside its directory"
	Control Control
	Try     func(w *World) error // nil: it succeeded
}

// A Control is where an attack succeeds.
type Control string

const (
	// Plainly is a process of the same user's, without a sandbox.
	Plainly Control = "plainly"
	// Privileged is a process with all capabilities in namespaces of its own:
	// what a program could do in a sandbox that kept its privileges.
	Privileged Control = "with privileges"
)

// OwnNamespaces is the command in front of an attacker whose control is
// Privileged.
var OwnNamespaces = []string{"unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup",
	"--fork", "--kill-child", "--mount-proc"}

// WithSharedProc returns the names of the attacks that succeed with the process file
// system of processes outside, read-only (docs/security.md, "What lifts a promise").
func WithSharedProc() []string {
	return []string{
		"sees another process", "reads another's command line", "reads another's limits", "reads another's cgroup", "reads another's mount table",
		"reads the tables of another's network",
		"lists another's descriptors", "counts the machine's processes", "sees the first process",
	}
}

// All returns the attacks.
func All() []Attack {
	return slices.Concat(fileAttacks(), writeAttacks(), processAttacks(), namespaceAttacks(), mountAttacks(), privilegeAttacks(),
		procAttacks(), networkAttacks(), callAttacks(), leftoverAttacks(), inheritedAttacks())
}
