package isolate

import (
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/descriptor"
	"isolate-namespace/isolate/internal/forward"
	"isolate-namespace/isolate/internal/initproc"
	"isolate-namespace/isolate/internal/terminal"
)

// A Cmd is one program in one sandbox, used like a Cmd of os/exec: fill it in,
// Start it, Wait for it. The sandbox lives as long as the program and its
// caller do, whichever ends first.
type Cmd struct {
	// Policy says what the sandbox lets through.
	Policy Policy
	// Name is the program, looked for inside: by the PATH of the policy's
	// environment, or as a path when it contains a slash.
	Name string
	// Args is the program's argument list, its own name first.
	Args []string

	// Stdin, Stdout and Stderr are the program's. Nil is the null device. All
	// but an OwnPipe is copied through a pipe, so that the program holds no
	// file, pipe or terminal of the host that it could open again through
	// /proc, and no socket of its network. For each terminal among them the
	// program gets one of the sandbox's own. The caller's is in raw mode until
	// Wait returns if it is all three streams, else while the program uses its
	// own. Wait must then be called, and the calling process is stopped when the
	// program is, as by Ctrl-Z.
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Terminal is the caller's controlling terminal, opened for reading and writing.
	// Nil, or no terminal, means that the program has one only if a stream is one.
	Terminal *os.File

	// Signals are those that the program gets in place of the calling process, from Start
	// on and for good, so that one Cmd of a process can have some. What comes before
	// the program runs is kept for it; if Start fails, the calling process gets it. With
	// a terminal SIGCONT is for the calling process, which continues the program.
	Signals []unix.Signal

	// Refused is told what the program could not reach, from another goroutine, if
	// the policy names services. Nil means that nobody is told.
	Refused func(Refusal)

	// Ready, if it isn't nil, is called once before the program runs, when it is
	// known what Uncopied returns.
	Ready func()

	gone      chan struct{} // closed when init was waited for
	init      *os.File      // its pidfd: a number may be another process's, once init was waited for
	dialogue  *dialogue
	stdio     stdio
	terminals terminal.Set // those that its streams are
	limiter   *limiter
	watcher   *watcher    // nil: nobody wants to know what is missed
	doors     *doorkeeper // nil: it reaches nothing
	unshown   []string
	uncopied  []Uncopied
	cow       []*node // the CopyOnWrite mounts
	keptNames []string
	started   time.Time
	report    Report // complete with status

	explainExit func(*ExitError)
	heard       atomic.Bool   // somebody listens to init
	beside      *time.Timer   // that listens if nobody waits; nil if nothing depends on it
	ended       chan struct{} // closed when status is known
	status      unix.WaitStatus
}

// waitsAtOnce is how soon after Start most callers wait. The services of a program whose
// caller doesn't are served from then on.
const waitsAtOnce = 5 * time.Millisecond

// Command returns the Cmd that runs the named program under p.
func Command(p Policy, name string, arg ...string) *Cmd {
	return &Cmd{Policy: p, Name: name, Args: append([]string{name}, arg...)}
}

// Run starts the program and waits for it.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Start makes the sandbox and starts the program in it. When it returns nil
// the program is being executed; else nothing is left of the sandbox, and the
// error is a *SetupError or an *ExecError.
func (c *Cmd) Start() (err error) {
	if c.ended != nil {
		return &SetupError{Doing: "start", Path: c.Name, Err: errors.New("it was started before")}
	}
	for _, sig := range c.Signals {
		if !forward.CanCatch(sig) {
			return &SetupError{Doing: "pass on", Path: "signal " + strconv.Itoa(int(sig)), Err: errors.New("it can't be caught for the program")}
		}
	}
	var caught forward.Caught
	defer func() {
		if err != nil {
			caught.GiveBack()
			c.doors.abandon()
			c.doors = nil
		}
	}()
	caught.Catch(slices.DeleteFunc(slices.Clone(c.Signals), isContinue))
	policy, err := c.Policy.complete()
	if err != nil {
		return err
	}
	if c.doors, err = newDoorkeeper(&policy, c.Refused); err != nil {
		return err
	}
	if c.terminals, err = terminal.New(c.Terminal, c.Stdin, c.Stdout, c.Stderr); err != nil {
		return &SetupError{Doing: "take over the terminal", Err: underlying(err)}
	}
	if len(c.terminals) == 0 && slices.ContainsFunc(c.Signals, isContinue) {
		caught.Catch([]unix.Signal{unix.SIGCONT})
	}
	c.stdio.terminals = c.terminals
	files, err := c.stdio.open(c.Stdin, c.Stdout, c.Stderr)
	if err != nil {
		c.terminals.Abandon()
		return err
	}
	defer c.stdio.closeInner()

	early := beginEarly(&policy, append(files[:], c.doors.initsEnd()...))
	defer early.abandon()
	if err = c.doors.plan(&policy); err == nil {
		c.limiter, err = newLimiter(&policy)
	}
	var tree *tree
	if err == nil {
		tree, err = c.planAndLaunch(&policy, files, early)
		if err != nil {
			c.limiter.group.Remove()
		}
	}
	defer tree.close()
	if err != nil {
		c.stdio.abort()
		c.terminals.Abandon()
		return err
	}

	c.unshown, c.keptNames, c.cow = tree.unshown(), policy.keptNames, tree.copyOnWrite()
	c.ended = make(chan struct{})
	c.stdio.copy()
	c.terminals.Start(func(m *initproc.Message) { c.dialogue.say(m) })
	c.doors.watch(descriptor.Of(c.dialogue.socket))
	if len(c.Signals) > 0 {
		forward.To(descriptor.Of(c.dialogue.socket))
	}
	c.limiter.watch(func() { c.Signal(unix.SIGKILL) })
	switch {
	case len(c.terminals) > 0:
		c.listenBeside()
	case c.doors != nil:
		c.beside = time.AfterFunc(waitsAtOnce, c.listenBeside)
	}
	return nil
}

func isContinue(sig unix.Signal) bool { return sig == unix.SIGCONT }

// Signal sends sig to the program's process group, which the program leads;
// it gets there once. SIGKILL ends the whole sandbox.
func (c *Cmd) Signal(sig unix.Signal) error {
	if c.ended == nil {
		return unix.ESRCH
	}
	select {
	case <-c.ended:
		return unix.ESRCH
	default:
	}
	if sig == unix.SIGKILL {
		return c.kill()
	}
	err := c.dialogue.say(&initproc.Message{Kind: initproc.SendSignal, Value: uint32(sig)})
	if errors.Is(err, unix.EPIPE) {
		return unix.ESRCH // it has ended, and nobody has listened yet
	}
	return err
}

// kill ends init, and everything inside with it.
func (c *Cmd) kill() error {
	raw, err := c.init.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	if err := raw.Control(func(fd uintptr) { sent = unix.PidfdSendSignal(int(fd), unix.SIGKILL, nil, 0) }); err != nil {
		return unix.ESRCH // it was waited for
	}
	return sent
}

// Wait returns when the program and every process that it left behind have
// ended and what they wrote has been copied. The error is nil, an *ExitError,
// or an *OutputError where the program succeeded.
func (c *Cmd) Wait() error {
	if c.heard.CompareAndSwap(false, true) {
		if c.beside != nil {
			c.beside.Stop()
		}
		c.listen() // here: another goroutine costs thread switches
	}
	<-c.ended
	lost := c.stdio.wait()
	c.doors.wait()
	c.terminals.Finish()
	if c.status.Exited() && c.status.ExitStatus() == 0 {
		return lost
	}
	e := &ExitError{Status: c.status, Output: lost}
	if c.status.ExitStatus() == exitNotFound { // the dynamic linker's own, too
		c.explainExit(e)
	}
	if c.report.Limit != "" {
		e.Kind, e.About, e.Limit = KindReached, c.report.Limit, "the "+c.limiter.describe(c.report.Limit)
		if c.limiter.isDefault(c.report.Limit) {
			e.Kind = KindDefault
		}
	}
	return e
}

// Report says how the program ended and what it used. It is complete when
// Wait has returned.
func (c *Cmd) Report() Report { return c.report }

// InForce returns the limits that hold and how each is enforced, once Start has
// returned nil.
func (c *Cmd) InForce() []InForce { return c.limiter.inForce }

// Unshown returns the places inside that are empty since what is mounted there
// outside can't be shown: directories of automounters. They are complete once
// Start has returned nil.
func (c *Cmd) Unshown() []string { return c.unshown }

// Uncopied says which files and directories of CopyOnWrite mounts the program can't
// change, since they have another owner or group and are too many or too large to be
// copied beforehand.
func (c *Cmd) Uncopied() []Uncopied { return c.uncopied }

// listenBeside hears what init says before somebody waits.
func (c *Cmd) listenBeside() {
	if c.heard.CompareAndSwap(false, true) {
		go c.listen()
	}
}

// listen hears what init says, until it ends.
func (c *Cmd) listen() {
	known := false
	for !known {
		m, fds, err := c.dialogue.hear()
		if errors.Is(err, errUntrue) {
			continue
		}
		if err != nil {
			break // init was killed, and everything inside with it
		}
		switch m.Kind {
		case initproc.Stopped:
			c.terminals.Stopped(&m)
		case initproc.Ended:
			c.status, known = unix.WaitStatus(m.Value), true
		case initproc.Dialed:
			c.dialogue.answer(&m, fds)
		}
	}

	c.kill() // it is about to end anyhow
	c.doors.closeUnused()
	status, usage := c.reap()
	if !known {
		// Init's own status would say that nothing ran.
		c.status = unix.WaitStatus(unix.SIGKILL)
		if status.Signaled() {
			c.status = status
		}
	}

	c.report = c.limiter.report(c.status, usage, c.started)
	c.report.KeptNames = c.keptNames
	c.report.Missed = c.watcher.missed()
	c.limiter.group.Remove()
	c.Policy.tidyCowDir(c.cow)
	c.doors.finish()
	close(c.ended)
	c.hangUp()
}

// hangUp closes what the caller has of init.
func (c *Cmd) hangUp() {
	close(c.gone)
	c.dialogue.close()
	c.init.Close()
}

// reap waits for init.
func (c *Cmd) reap() (unix.WaitStatus, *unix.Rusage) {
	return initproc.Wait(descriptor.Of(c.init))
}
