package isolate

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
	"isolate-namespace/isolate/internal/cgroup"
	"isolate-namespace/isolate/internal/initproc"
	"isolate-namespace/isolate/internal/listener"
)

// planAndLaunch looks at the policy, and makes the sandbox that it asks for. It returns
// the tree, which is to be closed.
func (c *Cmd) planAndLaunch(policy *Policy, stdio [3]int, early *early) (*tree, error) {
	t, err := policy.decide(early.placeSystem(policy, c.limiter, c.doors))
	if err == nil {
		t, err = c.launchRetrying(policy, t, stdio, early)
	}
	var exec *ExecError
	if errors.As(err, &exec) {
		t.explainExec(exec, policy)
	}
	return t, err
}

// launchRetrying is launch, which begins again, with another look at the policy, if
// something changed meanwhile. It returns the last tree, which is to be closed.
func (c *Cmd) launchRetrying(policy *Policy, t *tree, stdio [3]int, early *early) (*tree, error) {
	for tries := 0; ; tries++ {
		c.explainExit = t.explainExit(c.Name, policy)
		t.findForeign(c.limiter.copyBounds(policy), policy.CowDir != "")
		if c.uncopied = t.uncopied; tries == 0 && c.Ready != nil {
			c.Ready()
		}
		err := errTooEarly
		if tries == 0 && early.isFor(t) {
			err = c.launchEarly(policy, t, stdio, early)
		}
		if err == errTooEarly {
			err = c.launch(policy, t, stdio)
		}
		if policy.Limits.Group && isNoGroup(err) {
			err = c.launchWithoutGroup(policy, t, stdio)
		}
		if !isPassing(err) || tries == mostTries {
			return t, err
		}

		t.close()
		if *policy, t, err = c.Policy.plan(); err != nil {
			return t, err
		}
	}
}

// launch makes the sandbox and returns when the program is being executed.
func (c *Cmd) launch(policy *Policy, t *tree, stdio [3]int) error {
	groups, err := c.limiter.open()
	defer func() {
		for _, f := range groups {
			f.Close()
		}
	}()

	if err != nil {
		return err
	}
	if c.watcher, err = newWatcher(policy, t); err != nil {
		return err
	}
	ours, theirs, err := initproc.Pair()
	if err != nil {
		return &SetupError{Doing: "make the control socket", Err: err}
	}

	init := &initproc.Process{Setup: calls.New(), Entry: calls.New(), Control: theirs, Source: dialSource}
	writeOrigin(&init.Setup, policy, groups, 0)
	c.writeLists(init, newBuilder(&init.Setup, policy, c.limiter), policy, t, stdio)
	init.Complete()
	c.started = time.Now()
	gone := make(chan struct{})
	pidfd, errno := fork(init, policy.flags(), gone)
	unix.Close(theirs)
	if errno != 0 {
		close(gone)
		unix.Close(ours)
		return explainClone(policy, errno)
	}
	return c.meet(policy, init, pidfd, ours, gone)
}

// meet waits until init has made the sandbox, and the program is being executed.
func (c *Cmd) meet(policy *Policy, init *initproc.Process, pidfd, ours int, gone chan struct{}) error {
	c.gone = gone
	c.init = os.NewFile(uintptr(pidfd), "init")
	c.dialogue = newDialogue(ours, init, len(c.terminals), c.doors)
	err := c.confirm(policy, init)
	if err == nil {
		err = c.doors.take()
	}
	if err != nil {
		c.kill()
		status, _ := c.reap()
		c.hangUp()
		if errors.Is(err, errKilled) {
			return explainKill(policy, status)
		}
		return err
	}
	return nil
}

// launchWithoutGroup is launch for a group that can't be entered. If it was made only
// for defaults, the program starts without it.
func (c *Cmd) launchWithoutGroup(policy *Policy, t *tree, stdio [3]int) error {
	c.limiter.group.Remove()
	policy.Limits.Group = false
	limiter, err := newLimiter(policy)
	if err != nil {
		return err
	}
	c.limiter = limiter
	return c.launch(policy, t, stdio)
}

// isNoGroup reports whether a group could not be had or entered.
func isNoGroup(err error) bool {
	var setup *SetupError
	return errors.As(err, &setup) && setup.Kind == KindNoGroup
}

// writeOrigin writes the calls by which init becomes a process of its own, in the
// namespaces that it was forked into and those of unshared.
func writeOrigin(l *calls.List, p *Policy, groups []*os.File, unshared uintptr) {
	l.Do(calls.BindToCaller.Of(""), unix.SYS_PRCTL, calls.Num(unix.PR_SET_PDEATHSIG), calls.Num(unix.SIGKILL))
	dumpNothing(l)
	keepSlack(l)
	cgroup.Join(l, groups)
	forget(l)
	mapUser(l, p)
	if unshared != 0 {
		l.Do(calls.MakeNamespaces.Of(""), unix.SYS_UNSHARE, calls.Num(unshared))
	}
	identify(l, p)
	volunteer(l)
	emptyDumps(l)
	if p.Network == NetworkNone {
		raiseLoopback(l)
	}
}

// writeLists writes everything else that init will do.
func (c *Cmd) writeLists(d *initproc.Process, b *builder, p *Policy, t *tree, stdio [3]int) {
	if c.doors != nil && b.doors == (calls.Arg{}) {
		b.doors = c.doors.makeDoors(&d.Setup)
	}
	b.build(t)
	dropPrivileges(&d.Setup, p)
	d.Outer, d.Inner = c.terminals.Make(&d.Setup)
	if c.doors != nil {
		c.doors.handOut(&d.Setup, b.doors)
	}

	prepareProgram(&d.Entry, p, stdio, d.Control, c.terminals, t)
	setLimits(&d.Entry, c.limiter)
	if d.Listener = calls.NoSlot; c.watcher != nil {
		d.Listener = listener.Load(&d.Entry, c.watcher.flags) // last: what comes behind may wait for the caller
	}
	d.Execs = d.Entry.Strings(candidates(c.Name, p))
	d.Argv, d.Envp = d.Entry.Strings(c.Args), d.Entry.Strings(p.Env)
}

// candidates returns the paths at which execvp(3) looks for a program. A directory in
// PATH that is relative, or empty, is as seen from the working directory.
func candidates(name string, p *Policy) []string {
	if name == "" || strings.Contains(name, "/") {
		return []string{name}
	}
	path, ok := getenv(p.Env, "PATH")
	if !ok {
		path = "/usr/local/bin:/usr/bin:/bin"
	}
	var paths []string
	for _, dir := range filepath.SplitList(path) {
		paths = append(paths, fromDir(p.Dir, filepath.Join(dir, name)))
	}
	return paths
}

// fork starts init on a thread that lives until ended is closed: the kernel takes the
// end of the starting thread for the caller's end (PR_SET_PDEATHSIG, prctl(2)). Any
// other than the main one ends with a goroutine that has locked it.
func fork(p *initproc.Process, flags uintptr, ended <-chan struct{}) (pidfd int, errno unix.Errno) {
	p.Prepare(os.Getpagesize())
	// Without a goroutine, or a lock, each of which starts or wakes another thread.
	if pidfd, errno = p.Start(flags, true); pidfd != initproc.NotMain {
		runtime.KeepAlive(p)
		return pidfd, errno
	}

	started := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		pidfd, errno = p.Start(flags, false)
		runtime.KeepAlive(p)
		close(started)
		<-ended
	}()
	<-started
	return pidfd, errno
}

// errKilled says that init ended without a word.
var errKilled = errors.New("init was killed")

// confirm waits for init to say that the program runs.
func (c *Cmd) confirm(policy *Policy, init *initproc.Process) error {
	defer runtime.KeepAlive(init)
	m, fds, err := c.dialogue.hear()
	for err == nil && m.Kind == initproc.Opened {
		c.terminals.Open(fromInside(fds[0]))
		m, fds, err = c.dialogue.hear()
	}
	if err == nil && m.Kind == initproc.Listening {
		c.watcher.listen(fromInside(fds[0]))
		m, _, err = c.dialogue.hear()
	}
	if errors.Is(err, errUntrue) {
		return &SetupError{Doing: "make the sandbox", Err: err}
	}
	if err != nil && c.limiter.Memory > 0 && c.limiter.group.OOMKills() > 0 {
		return &SetupError{Doing: "make the sandbox", Kind: KindMemory,
			Err: errors.New("it needs more than the " + c.limiter.describe("memory"))}
	}
	if err != nil {
		return errKilled
	}

	errno := unix.Errno(m.Value)
	switch m.Kind {
	case initproc.EarlyFailed:
		if init.Early.Note(int(m.Index)).Step == calls.MakeNamespaces {
			return errTooEarly
		}
		return explainCall(policy, init.Early.Note(int(m.Index)), errno)
	case initproc.SetupFailed:
		if init.Setup.Note(int(m.Index)).Step == calls.CompareMounts {
			return mountsChanged()
		}
		return explainCall(policy, init.Setup.Note(int(m.Index)), errno)
	case initproc.EntryFailed:
		return explainCall(policy, init.Entry.Note(int(m.Index)), errno)
	case initproc.ExecFailed:
		return &ExecError{Name: c.Name, Err: errno}
	}

	return nil
}
