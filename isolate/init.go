package isolate

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

// An initProcess is everything that init and its child need once they run:
// prepared by the caller, carried over by fork(2).
//
// Init is a fork of the caller that never executes anything. All its code is
// below, and follows the rules of package calls: system calls, plain numbers,
// no allocation, no stack growth. A second start of the Go runtime would cost
// more than the whole sandbox.
type initProcess struct {
	setup calls.List  // makes the sandbox around init
	entry calls.List  // what init's child does before it executes the program
	execs []calls.Arg // where the program may be, in order
	outer calls.Slot  // the caller's end of the program's terminal, or NoSlot
	argv  calls.Arg   // in entry's memory, as are envp and execs
	envp  calls.Arg

	paths     []uintptr
	args, env uintptr

	control int // init's end of the socket
	in, out message
	source  unix.RawSockaddrInet4 // where connections come from

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
	page     uintptr   // the size of one

	handle int32 // what clone(2) makes: for the caller init's pidfd, for init the program's
}

// fork starts init in its namespaces and returns its pidfd. The calling thread
// goes on with the signal mask that it had.
func (d *initProcess) fork(flags uintptr) (pidfd int, errno unix.Errno) {
	d.setup.Load()
	d.entry.Load()
	for i := range d.execs {
		d.paths = append(d.paths, d.entry.Address(d.execs[i]))
	}
	d.args, d.env = d.entry.Address(d.argv), d.entry.Address(d.envp)
	d.page = uintptr(os.Getpagesize())
	d.childSet, d.allSet = 1<<(unix.SIGCHLD-1), ^uint64(0)
	d.vector = unix.Iovec{Base: (*byte)(unsafe.Pointer(&d.out)), Len: uint64(messageSize)}
	d.header = unix.Msghdr{Iov: &d.vector, Iovlen: 1, Control: (*byte)(unsafe.Pointer(&d.rights)), Controllen: uint64(unsafe.Sizeof(d.rights))}
	d.rights.header = unix.Cmsghdr{Len: uint64(unsafe.Offsetof(d.rights.fd) + 4), Level: unix.SOL_SOCKET, Type: unix.SCM_RIGHTS}

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	errno = d.clone(flags)
	return int(d.handle), errno
}

// clone forks with all signals blocked, so that no handler of the Go runtime
// can run in the child.
//
//go:nosplit
//go:norace
func (d *initProcess) clone(flags uintptr) unix.Errno {
	sysCall(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&d.allSet)), uintptr(unsafe.Pointer(&d.oldSet)), 8)
	pid, errno := sysCall(unix.SYS_CLONE, flags|unix.CLONE_PIDFD|uintptr(unix.SIGCHLD), 0, uintptr(unsafe.Pointer(&d.handle)), 0)
	if errno == 0 && pid == 0 {
		d.main()
	}
	sysCall(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&d.oldSet)), 0, 8)
	return errno
}

// main is init: it makes the sandbox, starts the program, and stays until the
// program or the caller has ended. It never returns.
//
//go:nosplit
//go:norace
func (d *initProcess) main() {
	d.resetSignals()
	if i, errno := d.setup.Run(); errno != 0 {
		d.fail(setupFailed, i, errno)
	}
	if d.outer >= 0 {
		d.out.kind = opened
		d.send(d.setup.Result(d.outer))
	}
	// The wait of CLONE_VFORK is for the exec: "started" is said after it.
	d.out.kind = started
	pid, errno := sysCall(unix.SYS_CLONE, unix.CLONE_VFORK|unix.CLONE_PIDFD|uintptr(unix.SIGCHLD), 0, uintptr(unsafe.Pointer(&d.handle)), 0)
	if errno != 0 {
		d.fail(entryFailed, 0, errno)
	}
	if pid == 0 {
		d.becomeProgram()
	}
	d.tell()
	d.keepOnlyOwn()
	if !raceDetector {
		d.giveBackMemory()
	}
	d.serve(pid)
}

// resetSignals takes the Go runtime's handlers away.
//
//go:nosplit
//go:norace
//go:noinline
func (d *initProcess) resetSignals() {
	for sig := uintptr(1); sig <= 64; sig++ {
		sysCall(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&d.noAction)), 0, 8)
	}
}

// becomeProgram runs in init's child.
//
//go:nosplit
//go:norace
func (d *initProcess) becomeProgram() {
	if i, errno := d.entry.Run(); errno != 0 {
		d.fail(entryFailed, i, errno)
	}
	worst := unix.ENOENT
	for i := range d.paths {
		_, errno := sysCall(unix.SYS_EXECVE, d.paths[i], d.args, d.env, 0)
		if errno != unix.ENOENT && errno != unix.ENOTDIR {
			worst = errno
		}
		if worst != unix.ENOENT && worst != unix.EACCES {
			break // it is there, and it is no program
		}
	}
	d.fail(execFailed, 0, worst)
}

// keepOnlyOwn closes what came along from the caller. The control socket
// becomes descriptor 0 and the program's handle 1.
//
//go:nosplit
//go:norace
func (d *initProcess) keepOnlyOwn() {
	// Where the caller has closed its own, the handle may be 0.
	handle, _ := sysCall(unix.SYS_FCNTL, uintptr(d.handle), unix.F_DUPFD_CLOEXEC, 1, 0)
	sysCall(unix.SYS_DUP3, uintptr(d.control), 0, unix.O_CLOEXEC, 0)
	sysCall(unix.SYS_DUP3, handle, 1, unix.O_CLOEXEC, 0)
	sysCall(unix.SYS_CLOSE_RANGE, 2, uintptr(^uint32(0)), 0, 0)
	d.control, d.handle = 0, 1
}

// serve carries out what the caller asks, and reaps, until the program ends.
//
//go:nosplit
//go:norace
func (d *initProcess) serve(program uintptr) {
	children, _ := sysCall(unix.SYS_SIGNALFD4, ^uintptr(0), uintptr(unsafe.Pointer(&d.childSet)), 8, unix.SFD_CLOEXEC|unix.SFD_NONBLOCK)
	d.polled[0] = unix.PollFd{Fd: int32(d.control), Events: unix.POLLIN}
	d.polled[1] = unix.PollFd{Fd: int32(children), Events: unix.POLLIN}
	d.polled[2] = unix.PollFd{Fd: d.handle, Events: unix.POLLIN}
	for {
		d.reap(program)
		if d.polled[2].Revents != 0 {
			d.releaseProgram()
		}
		d.polled[0].Revents, d.polled[1].Revents, d.polled[2].Revents = 0, 0, 0
		sysCall(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&d.polled)), uintptr(len(d.polled)), 0, 0)
		if d.polled[1].Revents != 0 {
			sysCall(unix.SYS_READ, children, uintptr(unsafe.Pointer(&d.sink)), uintptr(len(d.sink)), 0)
		}
		if d.polled[0].Revents != 0 {
			d.obey(program)
		}
	}
}

// reap waits for every process that has ended. With the program init ends,
// and with init every other process inside (pid_namespaces(7)). A program
// that has a terminal may also stop, which is for the caller to know.
//
//go:nosplit
//go:norace
func (d *initProcess) reap(program uintptr) {
	options := uintptr(unix.WNOHANG | unix.WALL | unix.WEXITED)
	if d.outer >= 0 {
		options |= unix.WSTOPPED
	}
	for {
		d.change.pid = 0
		_, errno := sysCall(unix.SYS_WAITID, unix.P_ALL, 0, uintptr(unsafe.Pointer(&d.change)), options)
		if errno != 0 || d.change.pid == 0 {
			return
		}
		switch {
		case d.change.code == cldTrapped:
			d.detach(uintptr(d.change.pid))
		case uintptr(d.change.pid) != program:
		case d.change.code == cldStopped:
			d.out.kind = stopped
			d.tell()
		default:
			d.out.kind, d.out.value = ended, d.change.waitStatus()
			d.tell()
			exit()
		}
	}
}

// detach lets a process go on that has made init its tracer (ptrace(2),
// PTRACE_TRACEME, which any child of init's can do) and waits for what init
// makes of a signal: the signal does what it would without a tracer. That an
// exec sends itself SIGTRAP is due to the tracer alone.
//
//go:nosplit
//go:norace
func (d *initProcess) detach(pid uintptr) {
	signal := uintptr(d.change.status & 0x7f)
	if signal == uintptr(unix.SIGTRAP) {
		_, errno := sysCall(unix.SYS_PTRACE, unix.PTRACE_GETSIGINFO, pid, 0, uintptr(unsafe.Pointer(&d.change)))
		if errno == 0 && d.change.code == siUser && uintptr(d.change.pid) == pid {
			signal = 0
		}
	}
	sysCall(unix.SYS_PTRACE, unix.PTRACE_DETACH, pid, 0, signal)
}

// releaseProgram is called when the program has ended and can't be waited for:
// a tracer inside has the first right to it (ptrace(2)). Without the tracer it
// comes to init.
//
//go:nosplit
//go:norace
func (d *initProcess) releaseProgram() {
	sysCall(unix.SYS_KILL, ^uintptr(0), uintptr(unix.SIGKILL), 0, 0)
	d.polled[2].Fd = -1
}

// obey reads one message of the caller's and does what it says.
//
//go:nosplit
//go:norace
func (d *initProcess) obey(program uintptr) {
	n, errno := sysCall(unix.SYS_READ, uintptr(d.control), uintptr(unsafe.Pointer(&d.in)), uintptr(messageSize), 0)
	if errno != 0 || n == 0 {
		exit() // the caller is gone
	}
	switch d.in.kind {
	case sendSignal:
		sysCall(unix.SYS_KILL, -program, uintptr(d.in.value), 0, 0)
	case signalAll:
		sysCall(unix.SYS_KILL, ^uintptr(0), uintptr(d.in.value), 0, 0)
	case dial:
		d.out.kind, d.out.value = dialed, 0
		s, errno := d.dial()
		if errno == 0 {
			errno = d.send(s)
			sysCall(unix.SYS_CLOSE, s, 0, 0, 0)
		}
		if errno != 0 {
			d.out.value = uint32(errno)
			d.tell()
		}
	}
}

// dial makes a socket in the sandbox's network, to be handed out. Whether it
// gets connected is for the caller to wait for.
//
//go:nosplit
//go:norace
func (d *initProcess) dial() (socket uintptr, errno unix.Errno) {
	family := uintptr(d.in.addr[0]) // struct sockaddr begins with it, low byte first on every machine we run on
	s, errno := sysCall(unix.SYS_SOCKET, family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	if family == unix.AF_INET {
		_, errno = sysCall(unix.SYS_BIND, s, uintptr(unsafe.Pointer(&d.source)), unix.SizeofSockaddrInet4, 0)
	}
	if errno == 0 {
		_, errno = sysCall(unix.SYS_CONNECT, s, uintptr(unsafe.Pointer(&d.in.addr)), uintptr(d.in.size), 0)
	}
	if errno == unix.EINPROGRESS {
		errno = 0
	}
	if errno != 0 {
		sysCall(unix.SYS_CLOSE, s, 0, 0, 0)
	}
	return s, errno
}

// send sends the message in d.out and a descriptor with it.
//
//go:nosplit
//go:norace
func (d *initProcess) send(fd uintptr) unix.Errno {
	d.rights.fd = int32(fd)
	_, errno := sysCall(unix.SYS_SENDMSG, uintptr(d.control), uintptr(unsafe.Pointer(&d.header)), unix.MSG_NOSIGNAL, 0)
	return errno
}

// tell sends the message in d.out.
//
//go:nosplit
//go:norace
func (d *initProcess) tell() {
	sysCall(unix.SYS_WRITE, uintptr(d.control), uintptr(unsafe.Pointer(&d.out)), uintptr(messageSize), 0)
}

// fail tells what went wrong and ends.
//
//go:nosplit
//go:norace
func (d *initProcess) fail(kind messageKind, index int, errno unix.Errno) {
	d.out.kind, d.out.index, d.out.value = kind, uint32(index), uint32(errno)
	d.tell()
	exit()
}

//go:nosplit
//go:norace
func exit() {
	for {
		sysCall(unix.SYS_EXIT_GROUP, exitSetup, 0, 0, 0)
	}
}

//go:nosplit
//go:norace
func sysCall(nr, a, b, c, d uintptr) (uintptr, unix.Errno) {
	r, _, errno := unix.RawSyscall6(nr, a, b, c, d, 0, 0)
	return r, errno
}
