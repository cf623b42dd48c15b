package initproc

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

// sharedSize is much more than the lists of a usual sandbox take. What isn't used takes
// no memory.
const sharedSize = 4 << 20

// Share has init begin with Early, and wait for the other lists until GoOn. Until
// Unshare they are in memory that both have.
func (p *Process) Share() (err error) {
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE
	if p.shared, err = unix.Mmap(-1, 0, sharedSize, prot, flags); err != nil {
		return err
	}
	const first, most = 4096, sharedSize * 3 / 4
	p.orders = (*orders)(unsafe.Pointer(&p.shared[0]))
	p.Setup, p.Entry = calls.NewIn(p.shared[first:most]), calls.NewIn(p.shared[most:])
	p.orders.setup = p.Setup.Room()
	return nil
}

// ShareWithNoOther keeps that memory from what is forked from now on. The init of another
// sandbox would hold it, with the environment in it, for as long as that one lives.
func (p *Process) ShareWithNoOther() {
	unix.Madvise(p.shared, unix.MADV_DONTFORK)
}

// Unshare gives that memory up. What the lists' calls are for is still known.
func (p *Process) Unshare() {
	if p.shared != nil {
		unix.Munmap(p.shared)
		p.shared, p.orders, p.Setup.Loaded, p.Entry.Loaded = nil, nil, calls.Loaded{}, calls.Loaded{}
	}
}

// Begin fills in what init needs of the calls that are in Setup so far, which it carries
// out when it is told Begin. It reports whether they fit into the memory that it shares.
func (p *Process) Begin() bool {
	if !p.Setup.IsIn(p.shared) {
		return false
	}
	p.Setup.Load()
	return true
}

// Complete fills in what init needs of the lists, when they are complete. It reports
// whether they fit into the memory that it shares. Init may be at the first calls of
// Setup meanwhile.
func (p *Process) Complete() bool {
	if p.shared == nil {
		p.orders = &orders{setup: p.Setup.Room()}
	} else if !p.Setup.IsIn(p.shared) || !p.Entry.IsIn(p.shared) {
		return false
	}
	p.Setup.Load()
	p.Entry.Load()
	o := p.orders
	o.entry, o.setups, o.entries = p.Entry.Room(), p.Setup.Len(), p.Entry.Len()
	o.argv, o.envp = p.Entry.Address(p.Argv), p.Entry.Address(p.Envp)
	o.outer, o.inner, o.listener = p.Outer, p.Inner, p.Listener
	if p.Execs != (calls.Arg{}) {
		o.execs = p.Entry.Array(p.Execs)
	}
	return true
}

// MoveAside moves init to another processor than the caller's. Linux often queues a new
// process behind the one that made it, until that one sleeps, although another processor
// is idle: seven times of ten, for some 3 ms, on a virtual machine with two of them. It is
// called right after Start.
func (p *Process) MoveAside() {
	var own unix.CPUSet
	var here uint32
	_, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&here)), 0, 0)
	if errno != 0 || unix.SchedGetaffinity(0, &own) != nil {
		return
	}
	others := own
	others.Clear(int(here))
	if others.Count() == 0 || unix.SchedSetaffinity(p.pid, &others) != nil {
		return
	}

	// Any processor again, which the kernel takes for all of the caller's cpuset.
	// With a set of its own it would not get those that the cpuset gets later.
	var all, now unix.CPUSet
	all.Fill()
	unix.SchedSetaffinity(p.pid, &all)
	if unix.SchedGetaffinity(p.pid, &now) != nil || now != own {
		unix.SchedSetaffinity(p.pid, &own)
	}
}

// Prepare fills in everything else that Start and init need.
func (p *Process) Prepare(pageSize int) {
	p.Early.Load()
	p.earlies = p.Early.Len()
	p.page = uintptr(pageSize)
	p.pause = unix.Timespec{Nsec: 1e6}
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
