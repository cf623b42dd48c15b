// Package verify starts a kernel as Jupyter does and has it try to get out.
package verify

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"isolate-namespace/kernelspec"
	"isolate-namespace/protocol"
)

// A Check is one thing that is tried.
type Check struct {
	Name    string `json:"name"`
	Kind    Kind   `json:"kind"`
	Held    bool   `json:"held"`
	Unknown bool   `json:"unknown"`  // nothing was found out, which isn't held
	Plain   bool   `json:"as_plain"` // it goes wrong, and as wrong without isolation, which is no fault of it
	Detail  string `json:"detail"`
}

// Kind says what a check is about.
type Kind string

// Kinds of checks.
const (
	Protocol  Kind = "protocol"  // the kernel does what front ends want of it
	Isolation Kind = "isolation" // it doesn't do what its code could want of it
)

const (
	startup  = 60 * time.Second // as Jupyter's own front ends
	patience = 15 * time.Second
)

// A trial is one kernel being verified, and what lies around it for its
// probes to find.
type trial struct {
	argv, env  []string
	language   string
	byMessage  bool   // interrupts are messages
	dir        string // holds all that follows
	connection *protocol.Connection
	dialect    *dialect
	values     map[string]string // for the probes
	decoy      *exec.Cmd
	listener   net.Listener
	visitors   atomic.Int32

	process *exec.Cmd
	ended   chan error
	said    bytes.Buffer
	client  *client
	report  func(Check)
	plain   func() map[string]string // what goes wrong without isolation, by check; nil where nothing is isolated

	protocolOnly bool // without probes
}

// Kernel starts a kernel from its spec exactly as Jupyter does, speaks
// Jupyter's protocol with it, and has it try what an isolated one mustn't be
// able to do. Each check is reported when it is done. The error is of what kept
// Kernel from finding out.
//
// Not every kernel does all that the protocol asks for: some end on an
// interrupt. What goes wrong with an isolated one is held against it only when
// it goes well, or otherwise wrong, with the kernel that it was made of.
func Kernel(j *kernelspec.Jupyter, base *kernelspec.Kernel, report func(Check)) error {
	t := &trial{report: report}
	if twin, err := j.FindTwin(base.Name); err == nil {
		t.plain = sync.OnceValue(func() map[string]string { return plainFaults(j, twin) })
	}
	return t.run(j, base)
}

// run is one trial from beginning to end.
func (t *trial) run(j *kernelspec.Jupyter, base *kernelspec.Kernel) error {
	argv, err := j.Command(base)
	if err != nil {
		return err
	}
	t.language = base.Spec.Language()
	t.dialect = dialectOf(t.language)
	t.byMessage = base.Spec.InterruptsByMessage()
	// Not where Jupyter keeps its connection files: the launcher hides those
	// wherever they lie, and that would hide what is tried here with them.
	if err := os.MkdirAll(j.DataDir, 0o700); err != nil {
		return err
	}
	if t.dir, err = os.MkdirTemp(j.DataDir, "verify-"); err != nil {
		return err
	}
	defer os.RemoveAll(t.dir)
	if err := t.surround(); err != nil {
		return err
	}
	defer t.listener.Close()
	defer func() { t.decoy.Process.Kill(); t.decoy.Wait() }()
	t.command(argv, base.Spec.Expanded())
	if err := t.start(); err != nil {
		return err
	}
	defer t.stop()
	return t.all()
}
