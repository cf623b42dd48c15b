// Package trace runs a command and notes which files it opens and executes,
// and so do all its children.
//
// It uses ptrace(2) without looking at registers: PTRACE_GET_SYSCALL_INFO (Linux 5.3) is
// the same on all machines.
package trace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Use is one file that a process opened or executed.
type Use struct {
	Pid  int    // of the process, not the thread
	Path string // absolute, as the process wrote it; links in it aren't followed
	Exec bool   // it was executed; otherwise it was opened to be read
}

// A Command is what Watch runs. It gets its own session and no standard input; its
// output goes to Output.
type Command struct {
	Argv   []string
	Env    []string
	Dir    string
	Output *os.File
}

// Watch runs the command until look returns true, the command ends, or ctx does,
// and returns all uses up to then, in their order. look is called about twenty
// times a second, with the processes that are running. Then every one of them
// is killed. ended says that the command had ended by itself; the error is that
// of tracing.
func Watch(ctx context.Context, c Command, look func(pids []int) bool) (uses []Use, ended bool, err error) {
	onOwnThread(func() {
		t := &tracer{threads: map[int]*thread{}}
		ended, err = t.run(ctx, c, look)
		uses = t.uses
	})
	return uses, ended, err
}

// onOwnThread runs f on a thread of the system that has no child: a thread can
// only wait for all of its children.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()

		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL|wnothread, nil)
		if errors.Is(err, unix.ECHILD) {
			f()
			return
		}
		onOwnThread(f) // while this thread is taken
	}()
	<-done
}

// A tracer is one command and its children.
type tracer struct {
	uses []Use
	seen atomic.Bool // what was looked for

	mu      sync.Mutex
	threads map[int]*thread // by thread id
}

func (t *tracer) run(ctx context.Context, c Command, look func(pids []int) bool) (ended bool, err error) {
	if err := t.start(c); err != nil {
		return false, err
	}
	defer t.kill()

	watching, stop := context.WithCancel(ctx)
	defer stop()
	go t.watch(watching, look)

	for {
		more, err := t.step()
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case t.seen.Load():
			return false, nil
		case !more || err != nil:
			return true, err
		}
	}
}

// watch calls look until it returns true, and ends the wait for what the
// processes do next by killing them.
func (t *tracer) watch(ctx context.Context, look func(pids []int) bool) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if !look(t.processes()) {
				continue
			}
			t.seen.Store(true)
		case <-ctx.Done():
		}
		t.killAll()
		return
	}
}

// start starts the command, stopped at its first instruction.
func (t *tracer) start(c Command) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()

	pid, err := syscall.ForkExec(c.Argv[0], c.Argv, &syscall.ProcAttr{
		Dir: c.Dir, Env: c.Env, Files: []uintptr{null.Fd(), c.Output.Fd(), c.Output.Fd()},
		Sys: &syscall.SysProcAttr{Ptrace: true, Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return &os.PathError{Op: "start", Path: c.Argv[0], Err: err}
	}
	t.threads[pid] = &thread{process: pid, begun: true}
	t.uses = append(t.uses, Use{pid, c.Argv[0], true})

	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil {
		return fmt.Errorf("wait for %s: %w", c.Argv[0], err)
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE |
		unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(pid, options); err != nil {
		return fmt.Errorf("trace %s: %w", c.Argv[0], err)
	}
	return t.resume(pid, 0)
}

// step waits for one stop of one thread and lets it go on. more is false when
// there is no thread left.
func (t *tracer) step() (more bool, err error) {
	var status unix.WaitStatus
	tid, err := unix.Wait4(-1, &status, unix.WALL|wnothread, nil)
	switch {
	case err == unix.EINTR:
		return true, nil
	case err == unix.ECHILD:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("wait for traced processes: %w", err)
	}

	t.mu.Lock()
	defer t.mu.Unlock()
	if status.Exited() || status.Signaled() {
		delete(t.threads, tid)
		return true, nil
	}
	this := t.threads[tid]
	if this == nil { // the stop of a new one may come before its parent's
		this = &thread{process: processOf(tid)}
		t.threads[tid] = this
	}
	return true, t.resume(tid, t.stopped(tid, this, status))
}

// wnothread is __WNOTHREAD of wait(2): only children of this thread, so that
// nobody else's are taken.
const wnothread = 0x20000000

// stopped takes a thread's stop, and returns the signal that the thread is to
// get.
func (t *tracer) stopped(tid int, this *thread, status unix.WaitStatus) unix.Signal {
	sig := status.StopSignal()
	switch {
	case sig == unix.SIGTRAP|0x80: // PTRACE_O_TRACESYSGOOD
		t.call(tid, this)
		return 0
	case sig == unix.SIGTRAP && status.TrapCause() > 0:
		if status.TrapCause() == unix.PTRACE_EVENT_EXEC {
			t.executed(tid, this)
		}
		return 0
	case sig == unix.SIGSTOP && !this.begun:
		this.begun = true
		return 0
	}
	this.begun = true
	return sig
}

// executed keeps the thread that executed a program, whose id is now that of
// its process; the others of it are gone.
func (t *tracer) executed(tid int, this *thread) {
	former, err := unix.PtraceGetEventMsg(tid)
	if err == nil && int(former) != tid {
		if other := t.threads[int(former)]; other != nil {
			this.pending = other.pending
		}
		delete(t.threads, int(former))
	}
	this.process, this.begun = tid, true
}

// resume lets a thread go on to its next stop.
func (t *tracer) resume(tid int, sig unix.Signal) error {
	err := unix.PtraceSyscall(tid, int(sig))
	if errors.Is(err, unix.ESRCH) { // it was killed meanwhile
		return nil
	}
	return err
}

// processes returns the processes that are running.
func (t *tracer) processes() []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	var pids []int
	seen := map[int]bool{}
	for _, this := range t.threads {
		if !seen[this.process] {
			seen[this.process] = true
			pids = append(pids, this.process)
		}
	}
	return pids
}

// killAll kills all that is traced.
func (t *tracer) killAll() {
	for _, pid := range t.processes() {
		unix.Kill(pid, unix.SIGKILL)
	}
}

// kill ends all that is traced, and waits for its end.
func (t *tracer) kill() {
	t.killAll()
	for {
		tid, err := unix.Wait4(-1, nil, unix.WALL|wnothread, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return
		case t.threads[tid] == nil: // a child that was made meanwhile
			unix.Kill(tid, unix.SIGKILL)
		}
	}
}
