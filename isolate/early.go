package isolate

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
	"isolate-namespace/isolate/internal/initproc"
)

// An early is an init that makes its namespaces on another processor while the caller
// looks at the policy. That takes a tenth off the start, for 2 % more CPU time.
type early struct {
	init   *initproc.Process
	pidfd  int // -1 once somebody else has it
	ours   int
	gone   chan struct{} // closed when it was waited for
	mounts *hostMounts
}

// errTooEarly says that an early init can't be used. One that is forked when everything
// is known then takes its place, or says what is wrong.
var errTooEarly = errors.New("init was forked too early")

// beginEarly returns nil if init can't begin yet. stdio are the caller's descriptors that
// are to be the program's.
func (c *Cmd) beginEarly(policy *Policy, stdio [3]int) *early {
	if c.limiter.group != nil {
		return nil // it enters this first
	}
	// Init has the open table, and compares its mounts with what is planned by it.
	mounts, err := openHostMounts()
	if err != nil {
		return nil
	}
	ours, theirs, err := initproc.Pair()
	if err != nil {
		mounts.close()
		return nil
	}
	defer unix.Close(theirs)

	e := &early{init: &initproc.Process{Control: theirs, Source: dialSource}, ours: ours, gone: make(chan struct{}), mounts: mounts, pidfd: -1}
	if !e.begin(policy, stdio) {
		e.abandon()
		mounts.close()
		return nil
	}
	return e
}

// begin forks init. It reports whether init has begun.
func (e *early) begin(policy *Policy, stdio [3]int) bool {
	if e.init.Share() != nil {
		return false
	}
	closeOthers(&e.init.Early, append(stdio[:], e.init.Control, e.mounts.fd))
	// Clone makes the others while the caller waits for it, unshare doesn't.
	const first = unix.CLONE_NEWUSER | unix.CLONE_NEWPID
	writeOrigin(&e.init.Early, policy, nil, policy.flags()&^first)
	pidfd, errno := fork(e.init, first, e.gone)
	if errno != 0 {
		return false
	}
	e.pidfd = pidfd
	e.init.ShareWithNoOther()
	return true
}

// closeOthers appends the calls that close all descriptors but some. If the caller ends
// before init is bound to it, init reads the end of the socket, unless somebody has the
// caller's end: init itself, or the init of a sandbox that begins at the same moment.
func closeOthers(l *calls.List, kept []int) {
	const highest = ^uint32(0)
	what := calls.SetDescriptors.Of("")
	slices.Sort(kept)
	first := 0
	for _, fd := range kept {
		if fd > first {
			l.Do(what, unix.SYS_CLOSE_RANGE, calls.Num(first), calls.Num(fd-1), calls.Num(0))
		}
		first = max(first, fd+1)
	}
	l.Do(what, unix.SYS_CLOSE_RANGE, calls.Num(first), calls.Num(highest), calls.Num(0))
}

// hostMounts returns the table that the policy is to be looked at with, or nil.
func (e *early) hostMounts() *hostMounts {
	if e == nil {
		return nil
	}
	return e.mounts
}

// isFor reports whether the early init can show the tree: it was decided by the table of
// mounts that init has.
func (e *early) isFor(t *tree) bool { return e != nil && t.mounts == e.mounts }

// launchEarly is launch with the early init.
func (c *Cmd) launchEarly(policy *Policy, t *tree, stdio [3]int, e *early) (err error) {
	if c.watcher, err = newWatcher(policy, t); err != nil {
		return err
	}
	c.writeLists(e.init, policy, t, stdio)
	if !e.init.Complete() {
		return errTooEarly
	}
	c.started = time.Now()
	goOn := initproc.Message{Kind: initproc.GoOn}
	unix.Sendto(e.ours, goOn.Bytes(), unix.MSG_NOSIGNAL, nil) // if init has failed, it has said so
	pidfd, ours := e.pidfd, e.ours
	e.pidfd, e.ours = -1, -1
	return c.meet(policy, e.init, pidfd, ours, e.gone)
}

// abandon ends an init that nobody needs, and gives up what is shared with it.
func (e *early) abandon() {
	if e == nil {
		return
	}
	if e.ours >= 0 {
		unix.Close(e.ours)
		close(e.gone)
	}
	if e.pidfd >= 0 {
		unix.PidfdSendSignal(e.pidfd, unix.SIGKILL, nil, 0)
		initproc.Wait(e.pidfd)
		unix.Close(e.pidfd)
	}
	e.init.Unshare()
}
