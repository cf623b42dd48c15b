package initproc

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Prepare fills in everything that Start and init need. It is called once, when the
// exported fields are complete.
func (p *Process) Prepare(pageSize int) {
	p.Setup.Load()
	p.Entry.Load()
	p.lastEntry = p.Entry.Len() - 1
	for _, path := range p.Execs {
		p.execs = append(p.execs, p.Entry.Address(path))
	}
	p.argv, p.envp = p.Entry.Address(p.Argv), p.Entry.Address(p.Envp)

	p.page = uintptr(pageSize)
	p.childSet, p.allSet = 1<<(unix.SIGCHLD-1), ^uint64(0)
	p.vector = unix.Iovec{Base: (*byte)(unsafe.Pointer(&p.out)), Len: uint64(messageSize)}
	p.header = unix.Msghdr{Iov: &p.vector, Iovlen: 1, Control: (*byte)(unsafe.Pointer(&p.rights)), Controllen: uint64(unsafe.Sizeof(p.rights))}
	p.rights.header = unix.Cmsghdr{Len: uint64(unsafe.Offsetof(p.rights.fd) + 4), Level: unix.SOL_SOCKET, Type: unix.SCM_RIGHTS}
}

// Wait waits for init, whose pidfd Start has returned. If its status can't be known,
// because another part of the caller has waited for all children, init counts as
// killed.
func Wait(pidfd int) (unix.WaitStatus, *unix.Rusage) {
	var change siginfo
	usage := new(unix.Rusage)
	for {
		err := unix.Waitid(unix.P_PIDFD, pidfd, (*unix.Siginfo)(unsafe.Pointer(&change)), unix.WEXITED|unix.WALL, usage)
		if err == nil {
			return unix.WaitStatus(change.waitStatus()), usage
		}
		if err != unix.EINTR {
			return unix.WaitStatus(unix.SIGKILL), usage
		}
	}
}
