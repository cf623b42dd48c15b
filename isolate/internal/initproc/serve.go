package initproc

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// serve carries out what the caller asks, and reaps, until the program ends.
//
//go:nosplit
//go:norace
func (p *Process) serve(program uintptr) {
	children, _ := sysCall(unix.SYS_SIGNALFD4, ^uintptr(0), uintptr(unsafe.Pointer(&p.childSet)), 8, unix.SFD_CLOEXEC|unix.SFD_NONBLOCK)
	p.polled[0] = unix.PollFd{Fd: int32(p.Control), Events: unix.POLLIN}
	p.polled[1] = unix.PollFd{Fd: int32(children), Events: unix.POLLIN}
	p.polled[2] = unix.PollFd{Fd: p.handle, Events: unix.POLLIN}
	for {
		p.reap(program)
		if p.polled[2].Revents != 0 {
			p.releaseProgram()
		}
		p.polled[0].Revents, p.polled[1].Revents, p.polled[2].Revents = 0, 0, 0
		// A program can take all descriptors from init, as from any process of its
		// user's (prlimit(2)). Init is then of no use, and the sandbox ends.
		_, errno := sysCall(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p.polled)), uintptr(len(p.polled)), 0, 0)
		if errno != 0 && errno != unix.EINTR {
			exit()
		}
		if p.polled[1].Revents != 0 {
			sysCall(unix.SYS_READ, children, uintptr(unsafe.Pointer(&p.sink)), uintptr(len(p.sink)), 0)
		}
		if p.polled[0].Revents != 0 {
			p.obey(program)
		}
	}
}

// reap waits for every process that has ended. With the program init ends,
// and with init every other process inside (pid_namespaces(7)). A program
// that has a terminal may also stop, which is for the caller to know.
//
//go:nosplit
//go:norace
func (p *Process) reap(program uintptr) {
	options := uintptr(unix.WNOHANG | unix.WALL | unix.WEXITED)
	if p.inner >= 0 {
		options |= unix.WSTOPPED
	}

	for {
		p.change.pid = 0
		_, errno := sysCall(unix.SYS_WAITID, unix.P_ALL, 0, uintptr(unsafe.Pointer(&p.change)), options)
		if errno != 0 && errno != unix.ECHILD {
			exit() // a filter forbids it: nobody would ever hear of the end
		}
		if errno != 0 || p.change.pid == 0 {
			return
		}
		switch {
		case p.change.code == cldTrapped:
			p.detach(uintptr(p.change.pid))
		case uintptr(p.change.pid) != program:
		case p.change.code == cldStopped:
			p.out.Kind, p.out.Value, p.out.Index = Stopped, uint32(p.change.status), p.round
			p.tell()
		default:
			p.out.Kind, p.out.Value = Ended, p.change.waitStatus()
			p.tell()
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
func (p *Process) detach(pid uintptr) {
	signal := uintptr(p.change.status & 0x7f)
	if signal == uintptr(unix.SIGTRAP) {
		_, errno := sysCall(unix.SYS_PTRACE, unix.PTRACE_GETSIGINFO, pid, 0, uintptr(unsafe.Pointer(&p.change)))
		if errno == 0 && p.change.code == siUser && uintptr(p.change.pid) == pid {
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
func (p *Process) releaseProgram() {
	sysCall(unix.SYS_KILL, ^uintptr(0), uintptr(unix.SIGKILL), 0, 0)
	p.polled[2].Fd = -1
}

// obey reads one message of the caller and does what it says.
//
//go:nosplit
//go:norace
func (p *Process) obey(program uintptr) {
	n, errno := sysCall(unix.SYS_READ, uintptr(p.Control), uintptr(unsafe.Pointer(&p.in)), uintptr(messageSize), 0)
	if errno != 0 || n == 0 {
		exit() // the caller is gone
	}

	switch p.in.Kind {
	case SendSignal:
		sysCall(unix.SYS_KILL, -program, uintptr(p.in.Value), 0, 0)
	case SignalAll:
		p.round = p.in.Index
		sysCall(unix.SYS_KILL, ^uintptr(0), uintptr(p.in.Value), 0, 0)
	case Foreground:
		// Init is in the background, which stops nobody who blocks the signal for it.
		sysCall(unix.SYS_IOCTL, 2, unix.TIOCSPGRP, uintptr(unsafe.Pointer(&p.in.Value)), 0)
	case Dial:
		p.out.Kind, p.out.Value = Dialed, 0
		s, errno := p.dial()
		if errno == 0 {
			errno = p.send(s)
			sysCall(unix.SYS_CLOSE, s, 0, 0, 0)
		}
		if errno != 0 {
			p.out.Value = uint32(errno)
			p.tell()
		}
	}
}

// dial makes a socket in the sandbox's network, to be handed out. Whether it
// gets connected is for the caller to wait for.
//
//go:nosplit
//go:norace
func (p *Process) dial() (socket uintptr, errno unix.Errno) {
	family := uintptr(p.in.Addr[0]) // struct sockaddr begins with it, low byte first on every machine we run on
	s, errno := sysCall(unix.SYS_SOCKET, family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	if family == unix.AF_INET {
		_, errno = sysCall(unix.SYS_BIND, s, uintptr(unsafe.Pointer(&p.Source)), unix.SizeofSockaddrInet4, 0)
	}
	if errno == 0 {
		_, errno = sysCall(unix.SYS_CONNECT, s, uintptr(unsafe.Pointer(&p.in.Addr)), uintptr(p.in.Size), 0)
	}
	if errno == unix.EINPROGRESS {
		errno = 0
	}
	if errno != 0 {
		sysCall(unix.SYS_CLOSE, s, 0, 0, 0)
	}
	return s, errno
}

// send sends the message in p.out and a descriptor with it.
//
//go:nosplit
//go:norace
func (p *Process) send(fd uintptr) unix.Errno {
	p.rights.fd = int32(fd)
	_, errno := sysCall(unix.SYS_SENDMSG, uintptr(p.Control), uintptr(unsafe.Pointer(&p.header)), unix.MSG_NOSIGNAL, 0)
	return errno
}

// tell sends the message in p.out.
//
//go:nosplit
//go:norace
func (p *Process) tell() {
	sysCall(unix.SYS_WRITE, uintptr(p.Control), uintptr(unsafe.Pointer(&p.out)), uintptr(messageSize), 0)
}

// fail tells what went wrong and ends.
//
//go:nosplit
//go:norace
func (p *Process) fail(kind Kind, index int, errno unix.Errno) {
	p.out.Kind, p.out.Index, p.out.Value = kind, uint32(index), uint32(errno)
	p.tell()
	exit()
}

//go:nosplit
//go:norace
func exit() {
	for {
		sysCall(unix.SYS_EXIT_GROUP, ExitStatus, 0, 0, 0)
	}
}

//go:nosplit
//go:norace
func sysCall(nr, a, b, c, d uintptr) (uintptr, unix.Errno) {
	r, _, errno := unix.RawSyscall6(nr, a, b, c, d, 0, 0)
	return r, errno
}
