package terminal

import (
	"time"
	"unsafe"

	"isolate-namespace/isolate/internal/descriptor"
	"isolate-namespace/isolate/internal/initproc"

	"golang.org/x/sys/unix"
)

// Stopped is called when init says that the program was stopped. One in the
// background that reads its terminal or changes its modes gets it, if the caller has
// its own. Else the whole job stops.
func (s Set) Stopped(m *initproc.Message) {
	t, sig := s[0], unix.Signal(m.Value)
	if m.Index != t.round.Load() {
		return // it was continued since
	}
	if (sig == unix.SIGTTIN || sig == unix.SIGTTOU) && t.foreground() {
		t.take(sig == unix.SIGTTIN)
		t.signal(unix.SIGCONT)
		t.followSoon()
		return
	}
	s.suspend(sig)
}

// suspend stops the whole job, as Ctrl-Z does. Where no shell could continue it the
// kernel ignores that (setpgid(2), orphaned process groups), and the program goes on
// at once. What is in the background inside stops too: nobody counts its time
// meanwhile.
func (s Set) suspend(sig unix.Signal) {
	const reaction = 50 * time.Millisecond // long enough for the stop to reach this thread
	s[0].signalAll(unix.SIGSTOP)
	for _, t := range s {
		t.settle()
		t.release()
	}
	if sig != unix.SIGTTIN && sig != unix.SIGTTOU {
		sig = unix.SIGTSTP
	}

	before := time.Now()
	withAction(sig, byDefault, func() {
		unix.Kill(0, sig)
		time.Sleep(reaction) // over when we go on
	})
	if t := s[0]; time.Since(before) < 2*reaction && sig != unix.SIGTSTP && !t.foreground() {
		t.give(true) // nothing has stopped us: the program waits for what is typed
	}
	s.resume()
}

// resume goes on after a stop, in the foreground or in the background.
func (s Set) resume() {
	for _, t := range s {
		if t.isWanted() && t.isFree() {
			t.takeOver()
		}
	}
	t := s[0]
	if !t.foreground() {
		t.give(false)
	} else if t.isWanted() {
		t.give(true)
	}
	s.resize()
	t.round.Add(1)
	t.signalAll(unix.SIGCONT)
}

// take lets the program have its terminal, and begins to read the caller's unless
// somebody else does. What was typed before has been echoed.
func (t *Terminal) take(reads bool) {
	t.typing.Lock()
	defer t.typing.Unlock()
	t.changing.Lock()
	t.wants, t.reads = true, t.reads || reads
	t.changing.Unlock()
	if t.probed {
		t.flush()
	}

	if t.isFree() {
		t.takeOver()
		t.enter(t.drain())
	}
	t.give(true)
	t.wake[1].Write([]byte{0})
}

// followSoon is follow for modes that the program is about to set.
func (t *Terminal) followSoon() {
	for range 50 {
		if inner, err := t.innerModes(); err != nil || *inner != t.begins {
			t.follow(inner)
			return
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// leave gives the caller's terminal back to a pipeline when the program has restored
// the modes that it found, as it does after a password, and has never just read. It
// stays in the foreground of its own: if it ignores SIGTTIN by now, as a shell does,
// its next read would fail in the background.
func (t *Terminal) leave() {
	inner, err := t.innerModes()
	if err != nil {
		return
	}
	t.follow(inner)
	t.changing.Lock()
	over := !t.reads && *inner == t.begins && t.isFront()
	t.wants = !over
	t.changing.Unlock()
	if over {
		t.release()
	}
}

// hasChanged reports whether the program has modes of its own.
func (t *Terminal) hasChanged() bool {
	inner, err := t.innerModes()
	return err == nil && *inner != t.begins
}

func (t *Terminal) isWanted() bool {
	t.changing.Lock()
	defer t.changing.Unlock()
	return t.wants
}

// give moves the program to the foreground or the background of its terminal, and
// returns when it is there. It leaves a job alone that a shell inside has put there.
func (t *Terminal) give(front bool) {
	t.giving.Lock()
	defer t.giving.Unlock()
	before, group := t.inner(), uint32(initproc.Program)
	if !front {
		group = initproc.Init
	}
	if !t.control || front == (before == t.group) {
		return
	}

	t.say(&initproc.Message{Kind: initproc.Foreground, Value: group})
	now := before
	for tries := 0; now == before && tries < 200; tries++ {
		time.Sleep(100 * time.Microsecond << min(tries, 4))
		now = t.inner()
	}
	if front {
		t.group = now
	} else {
		t.idle = now
	}
}

// signal sends sig to the program.
func (t *Terminal) signal(sig unix.Signal) {
	t.say(&initproc.Message{Kind: initproc.SendSignal, Value: uint32(sig)})
}

// signalAll sends sig to every process inside.
func (t *Terminal) signalAll(sig unix.Signal) {
	t.say(&initproc.Message{Kind: initproc.SignalAll, Value: uint32(sig), Index: t.round.Load()})
}

// inner returns the process group in the foreground of the program's terminal, as it
// is called out here.
func (t *Terminal) inner() int {
	group, _ := unix.IoctlGetInt(descriptor.Of(t.master), unix.TIOCGPGRP)
	return group
}

// isFront reports whether the program is in the foreground of its terminal.
func (t *Terminal) isFront() bool {
	t.giving.Lock()
	defer t.giving.Unlock()
	return t.group != 0 && t.inner() == t.group
}

// What a signal does (sigaction(2)).
const (
	byDefault = 0
	ignored   = 1
)

// withAction calls do while sig has that action, whatever the Go runtime has made of
// it: once it was asked for a signal, it lets it stop nothing any more. A signal that
// is ignored at the moment is not kept for later.
func withAction(sig unix.Signal, action uint64, do func()) {
	now, before := [4]uint64{action}, [4]uint64{} // struct kernel_sigaction
	set := func(action, old *[4]uint64) {
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(action)), uintptr(unsafe.Pointer(old)), 8, 0, 0)
	}
	set(&now, &before)
	do()
	set(&before, nil)
}
