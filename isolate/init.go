package isolate

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An initProcess is everything that init and its child need once they run:
// prepared by the caller, carried over by fork(2).
//
// Init is a fork of the caller that never executes anything. All its code is
// below, and follows the rules of program.run: system calls, plain numbers,
// no allocation, no stack growth. A second start of the Go runtime would cost
// more than the whole sandbox.
type initProcess struct {
	setup program // makes the sandbox around init
	entry program // what init's child does before it executes the program
	execs []arg   // where the program may be, in order
	outer slot    // the caller's end of the program's terminal, or noSlot
	argv  arg     // in entry's memory, as are envp and execs
	envp  arg

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
	polled   [2]unix.PollFd
	sink     [128]byte // struct signalfd_siginfo
	status   uint32
	page     uintptr // the size of one
}

// fork starts init in its namespaces and returns its process number. The
// calling thread goes on with the signal mask that it had.
func (d *initProcess) fork(flags uintptr) (pid int, errno unix.Errno) {
	d.setup.load()
	d.entry.load()
	for i := range d.execs {
		d.execs[i].locate(d.entry.base())
	}
	d.argv.locate(d.entry.base())
	d.envp.locate(d.entry.base())
	d.page = uintptr(os.Getpagesize())
	d.childSet, d.allSet = 1<<(unix.SIGCHLD-1), ^uint64(0)
	d.vector = unix.Iovec{Base: (*byte)(unsafe.Pointer(&d.out)), Len: uint64(messageSize)}
	d.header = unix.Msghdr{Iov: &d.vector, Iovlen: 1, Control: (*byte)(unsafe.Pointer(&d.rights)), Controllen: uint64(unsafe.Sizeof(d.rights))}
	d.rights.header = unix.Cmsghdr{Len: uint64(unsafe.Offsetof(d.rights.fd) + 4), Level: unix.SOL_SOCKET, Type: unix.SCM_RIGHTS}

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, errno = d.clone(flags)
	runtime.KeepAlive(d)
	return pid, errno
}

// clone forks with all signals blocked, so that no handler of the Go runtime
// can run in the child.
//
//go:nosplit
//go:norace
func (d *initProcess) clone(flags uintptr) (int, unix.Errno) {
	sysCall(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&d.allSet)), uintptr(unsafe.Pointer(&d.oldSet)), 8)
	pid, errno := sysCall(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD), 0, 0, 0)
	if errno == 0 && pid == 0 {
		d.main()
	}
	sysCall(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&d.oldSet)), 0, 8)
	return int(pid), errno
}

// main is init: it makes the sandbox, starts the program, and stays until the
// program or the caller has ended. It never returns.
//
//go:nosplit
//go:norace
func (d *initProcess) main() {
	d.resetSignals()
	if i, errno := d.setup.run(); errno != 0 {
		d.fail(setupFailed, i, errno)
	}
	if d.outer >= 0 {
		d.out.kind = opened
		d.send(d.setup.slots[d.outer])
	}
	// The wait of CLONE_VFORK is for the exec: "started" is said after it.
	d.out.kind = started
	pid, errno := sysCall(unix.SYS_CLONE, unix.CLONE_VFORK|uintptr(unix.SIGCHLD), 0, 0, 0)
	if errno != 0 {
		d.fail(entryFailed, 0, errno)
	}
	if pid == 0 {
		d.becomeProgram()
	}
	d.tell()
	d.keepOnlyControl()
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
	if i, errno := d.entry.run(); errno != 0 {
		d.fail(entryFailed, i, errno)
	}
	worst := unix.ENOENT
	for i := range d.execs {
		_, errno := sysCall(unix.SYS_EXECVE, d.execs[i].value, d.argv.value, d.envp.value, 0)
		if errno != unix.ENOENT && errno != unix.ENOTDIR {
			worst = errno
		}
		if worst != unix.ENOENT && worst != unix.EACCES {
			break // it is there, and it is no program
		}
	}
	d.fail(execFailed, 0, worst)
}

// keepOnlyControl closes what came along from the caller, but for the control
// socket, which becomes descriptor 0.
//
//go:nosplit
//go:norace
func (d *initProcess) keepOnlyControl() {
	sysCall(unix.SYS_DUP3, uintptr(d.control), 0, unix.O_CLOEXEC, 0)
	sysCall(unix.SYS_CLOSE_RANGE, 1, uintptr(^uint32(0)), 0, 0)
	d.control = 0
}

// serve carries out what the caller asks, and reaps, until the program ends.
//
//go:nosplit
//go:norace
func (d *initProcess) serve(program uintptr) {
	children, _ := sysCall(unix.SYS_SIGNALFD4, ^uintptr(0), uintptr(unsafe.Pointer(&d.childSet)), 8, unix.SFD_CLOEXEC|unix.SFD_NONBLOCK)
	d.polled[0] = unix.PollFd{Fd: int32(d.control), Events: unix.POLLIN}
	d.polled[1] = unix.PollFd{Fd: int32(children), Events: unix.POLLIN}
	for {
		d.reap(program)
		d.polled[0].Revents, d.polled[1].Revents = 0, 0
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
	options := uintptr(unix.WNOHANG | unix.WALL)
	if d.outer >= 0 {
		options |= unix.WUNTRACED
	}
	for {
		pid, errno := sysCall(unix.SYS_WAIT4, ^uintptr(0), uintptr(unsafe.Pointer(&d.status)), options, 0)
		if errno != 0 || pid == 0 {
			return
		}
		isStopped := d.status&0xff == 0x7f // wait(2), WIFSTOPPED
		switch {
		case pid == program && isStopped:
			d.out.kind = stopped
			d.tell()
		case pid == program:
			d.out.kind, d.out.value = ended, d.status
			d.tell()
			exit()
		}
	}
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
