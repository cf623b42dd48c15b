// Package initproc is process 1 of a sandbox: a fork of the caller that never
// executes anything. A second start of the Go runtime would cost more than the
// whole sandbox.
//
// What runs there is in process.go, serve.go, memory.go, siginfo.go and vfork_*.s,
// and in run.go of package calls: system calls and plain numbers, no allocation, no
// growth of the stack, no call of the runtime. These packages import nothing that
// would make more possible. What the caller does is in caller.go and message.go.
package initproc

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

// A Process is everything that init and its child need when they run. The caller
// prepares it, and fork(2) copies it.
type Process struct {
	Early calls.List    // what init does before it waits for the other lists, if Share was called
	Setup calls.List    // makes the sandbox around init
	Entry calls.List    // what init's child does before it executes the program
	Execs calls.Arg     // the paths of the program, in the order to try; in Entry's memory
	Argv  calls.Arg     // its arguments, also there
	Envp  calls.Arg     // its environment, also there
	Outer [3]calls.Slot // the caller's ends of the program's terminals, then NoSlot
	Inner calls.Slot    // the other end of the one that controls its session, or NoSlot

	// The listener of the program's system calls, or NoSlot. It is in Entry, as the
	// result of its last call: what comes behind may wait for the caller.
	Listener calls.Slot

	Control int                   // init's end of the socket
	Source  unix.RawSockaddrInet4 // the address that connections are made from

	earlies int     // how many calls of Early
	shared  []byte  // memory that init shares with the caller, or nil
	orders  *orders // in there, or in the caller's
	inner   calls.Slot
	in, out Message

	// For a message with a descriptor.
	header unix.Msghdr
	vector unix.Iovec
	rights rights

	noAction [4]uint64 // struct sigaction of the kernel: default, no flags, no mask
	childSet uint64    // the signal set that holds SIGCHLD
	allSet   uint64    // the signal set that holds all
	oldSet   uint64    // the caller's
	polled   [3]unix.PollFd
	sink     [128]byte // struct signalfd_siginfo
	change   siginfo   // of a process inside
	page     uintptr   // the size of a page
	round    uint32    // the Index of the last SignalAll

	pause  unix.Timespec // between two tries
	handle int32         // a pidfd from clone(2): in the caller init's, in init the program's
	pid    int           // init's, in the caller
}

// The orders are what init needs of the caller's lists.
type orders struct {
	setup, entry calls.Loaded
	setups       int // how many calls
	entries      int
	execs        []uintptr
	argv, envp   uintptr
	outer        [3]calls.Slot
	inner        calls.Slot
	listener     calls.Slot
}

// A rights is one control message that carries one descriptor (unix(7),
// SCM_RIGHTS).
type rights struct {
	header unix.Cmsghdr
	fd     int32
	_      int32
}

// mostTries is how often init tries to hand out descriptors while those of others fill what
// the user's processes may have on their way (unix(7), ETOOMANYREFS): for two seconds, in
// which their callers receive them.
const mostTries = 2000

// NotMain is what Start returns in place of a pidfd if it hasn't forked, since the
// thread isn't the main one.
const NotMain = -2

// Start forks init into the namespaces of flags (clone(2)) and returns its pidfd.
// Prepare must have run. All signals are blocked during the fork, so that no handler of
// the Go runtime can run in the child; the thread then gets its old mask again. With
// mainOnly it forks on the main thread alone, on which nothing moves the goroutine to
// another one meanwhile, even if it isn't locked.
//
//go:nosplit
//go:norace
func (p *Process) Start(flags uintptr, mainOnly bool) (pidfd int, errno unix.Errno) {
	sysCall(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&p.allSet)), uintptr(unsafe.Pointer(&p.oldSet)), 8)
	if mainOnly {
		thread, _ := sysCall(unix.SYS_GETTID, 0, 0, 0, 0)
		process, _ := sysCall(unix.SYS_GETPID, 0, 0, 0, 0)
		if thread != process {
			sysCall(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&p.oldSet)), 0, 8)
			return NotMain, 0
		}
	}
	pid, errno := sysCall(unix.SYS_CLONE, flags|unix.CLONE_PIDFD|uintptr(unix.SIGCHLD), 0, uintptr(unsafe.Pointer(&p.handle)), 0)
	if errno == 0 && pid == 0 {
		p.main()
	}
	p.pid = int(pid)
	sysCall(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&p.oldSet)), 0, 8)
	return int(p.handle), errno
}

// main is init: it makes the sandbox, starts the program, and stays until the
// program or the caller has ended. It never returns.
//
//go:nosplit
//go:norace
func (p *Process) main() {
	p.resetSignals()
	done := 0
	if p.shared != nil {
		done = p.beginEarly()
	}
	p.setUp(done)
	o := p.orders
	for i := range o.outer {
		if o.outer[i] >= 0 {
			p.out.Kind = Opened
			p.send(o.setup.Result(o.outer[i]))
		}
	}
	p.inner = o.inner

	// CLONE_VFORK waits for the exec, so that Started is sent after it. Until then
	// the child has init's memory: to copy it costs a tenth of the start.
	pid, errno := vfork(unix.CLONE_VM|unix.CLONE_VFORK|unix.CLONE_PIDFD|uintptr(unix.SIGCHLD), &p.handle)
	if errno != 0 {
		p.fail(EntryFailed, 0, unix.Errno(errno))
	}
	if pid == 0 {
		p.becomeProgram()
	}

	p.out.Kind = Started
	p.tell()
	p.keepOnlyOwn()
	if !RaceDetector {
		p.giveBackMemory()
	}
	p.serve(pid)
}

// setUp carries out what is left of Setup. It isn't inlined since its variables would lie on
// the stack under everything that init does later, and that stack can't grow.
//
//go:nosplit
//go:norace
//go:noinline
func (p *Process) setUp(done int) {
	o := p.orders
	i, errno := o.setup.Run(done, o.setups)
	for tries := 0; errno == unix.ETOOMANYREFS && tries < mostTries; tries++ {
		sysCall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&p.pause)), 0, 0, 0)
		i, errno = o.setup.Run(i, o.setups)
	}
	if errno != 0 {
		p.fail(SetupFailed, i, errno)
	}
}

// beginEarly carries out what is known before the lists are complete, and returns when
// they are, and how many calls of Setup are done.
//
//go:nosplit
//go:norace
func (p *Process) beginEarly() (done int) {
	if i, errno := p.Early.Run(0, p.earlies); errno != 0 {
		p.failEarly(EarlyFailed, i, errno)
	}
	for p.await() == Begin {
		complete := int(p.in.Index)
		if i, errno := p.orders.setup.Run(done, complete); errno != 0 {
			p.failEarly(SetupFailed, i, errno)
		}
		done = complete
	}
	return done
}

// await waits for the caller to say that more of the lists is complete.
//
//go:nosplit
//go:norace
func (p *Process) await() Kind {
	n, errno := sysCall(unix.SYS_READ, uintptr(p.Control), uintptr(unsafe.Pointer(&p.in)), uintptr(messageSize), 0)
	if errno != 0 || n == 0 || p.in.Kind != Begin && p.in.Kind != GoOn {
		exit() // the caller is gone
	}
	return p.in.Kind
}

// failEarly is fail while the caller makes lists. What it sends must be read, or it would
// read an error first.
//
//go:nosplit
//go:norace
func (p *Process) failEarly(kind Kind, index int, errno unix.Errno) {
	p.out.Kind, p.out.Index, p.out.Value = kind, uint32(index), uint32(errno)
	p.tell()
	for p.await() != GoOn {
	}
	exit()
}

// vfork is clone(2) without a stack of the child's own. The child must not return
// from the function that calls it.
//
//go:nosplit
//go:norace
//go:noescape
func vfork(flags uintptr, pidfd *int32) (pid uintptr, errno uintptr)

// resetSignals removes the Go runtime's signal handlers.
//
//go:nosplit
//go:norace
//go:noinline
func (p *Process) resetSignals() {
	for sig := uintptr(1); sig <= 64; sig++ {
		sysCall(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&p.noAction)), 0, 8)
	}
}

// becomeProgram runs in init's child.
//
//go:nosplit
//go:norace
func (p *Process) becomeProgram() {
	o := p.orders
	if i, errno := o.entry.Run(0, o.entries); errno != 0 {
		p.fail(EntryFailed, i, errno)
	}
	if o.listener >= 0 {
		p.out.Kind = Listening
		if errno := p.send(o.entry.Result(o.listener)); errno != 0 {
			p.fail(EntryFailed, o.entries-1, errno)
		}
	}
	worst := unix.ENOENT
	for _, path := range o.execs {
		_, errno := sysCall(unix.SYS_EXECVE, path, o.argv, o.envp, 0)
		switch errno {
		case unix.ENOENT, unix.ENOTDIR, unix.ENOTCONN, unix.ESTALE: // nothing, or nobody who would say what
		default:
			worst = errno
		}
		if worst != unix.ENOENT && worst != unix.EACCES {
			break // the file exists, but can't be executed
		}
	}
	p.fail(ExecFailed, 0, worst)
}

// keepOnlyOwn closes the descriptors that init has inherited. The control socket
// becomes descriptor 0, the program's handle 1, and its terminal, if there is one, 2.
//
//go:nosplit
//go:norace
func (p *Process) keepOnlyOwn() {
	// If the caller has closed its standard streams, these may be in the way.
	const first = 3
	terminal := uintptr(0)
	control, errno := sysCall(unix.SYS_FCNTL, uintptr(p.Control), unix.F_DUPFD_CLOEXEC, first, 0)
	handle, errno2 := sysCall(unix.SYS_FCNTL, uintptr(p.handle), unix.F_DUPFD_CLOEXEC, first, 0)
	if errno == 0 && errno2 == 0 && p.inner >= 0 {
		terminal, errno = sysCall(unix.SYS_FCNTL, p.orders.setup.Result(p.inner), unix.F_DUPFD_CLOEXEC, first, 0)
	}
	if errno == 0 && errno2 == 0 {
		_, errno = sysCall(unix.SYS_DUP3, control, 0, unix.O_CLOEXEC, 0)
	}
	if errno == 0 && errno2 == 0 {
		_, errno = sysCall(unix.SYS_DUP3, handle, 1, unix.O_CLOEXEC, 0)
	}
	if errno != 0 || errno2 != 0 {
		exit() // the program has taken init's descriptors, as serve says
	}
	if p.inner >= 0 {
		sysCall(unix.SYS_DUP3, terminal, 2, unix.O_CLOEXEC, 0)
	} else {
		sysCall(unix.SYS_CLOSE, 2, 0, 0, 0)
	}
	sysCall(unix.SYS_CLOSE_RANGE, first, uintptr(^uint32(0)), 0, 0)
	p.Control, p.handle = 0, 1
}
