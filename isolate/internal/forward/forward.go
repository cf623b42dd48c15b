// Package forward sends the signals that this process gets to the init of one
// sandbox, which sends them to its program.
//
// The handler itself does that, whatever thread it runs on. Package os/signal starts a
// thread, and wakes it for each signal that is asked for.
package forward

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/initproc"
)

// What the handler works with; the assembly knows their layout. A signal handler
// can be handed nothing.
var (
	pending  uint64 // a bit for each signal that came and was not sent
	socket   int64  = -1
	messages [32]initproc.Message
)

// Addresses for the kernel. That of the restorer is 0 where the kernel has its own.
var handlerAddress, restorerAddress uintptr

// Caught are signals that don't end this process any more.
type Caught struct {
	signals []unix.Signal
	before  []sigaction
}

// A sigaction is what the kernel does with a signal: struct kernel_sigaction.
type sigaction [4]uint64

// CanCatch reports whether a signal can be caught here: not by its nature, as an error
// of this process's own or a signal of the Go runtime's, and none of the real-time ones.
func CanCatch(sig unix.Signal) bool {
	const not = 1<<unix.SIGKILL | 1<<unix.SIGSTOP | 1<<unix.SIGURG | 1<<unix.SIGPROF |
		1<<unix.SIGILL | 1<<unix.SIGTRAP | 1<<unix.SIGBUS | 1<<unix.SIGFPE | 1<<unix.SIGSEGV | 1<<unix.SIGSYS
	return sig > 0 && int(sig) < len(messages) && not&(1<<sig) == 0
}

// Catch keeps the signals from ending this process, from now on. They are sent once
// there is an init. All can be caught.
func (c *Caught) Catch(signals []unix.Signal) {
	const restart, onStack, hasRestorer = 0x10000000, 0x08000000, 0x04000000
	action := sigaction{uint64(handlerAddress), restart | onStack, uint64(restorerAddress), ^uint64(0)}
	if restorerAddress != 0 {
		action[1] |= hasRestorer
	}
	for _, sig := range signals {
		messages[sig] = initproc.Message{Kind: initproc.SendSignal, Value: uint32(sig)}
		var before sigaction
		exchange(sig, &action, &before)
		c.signals, c.before = append(c.signals, sig), append(c.before, before)
	}
}

// GiveBack has this process do with the signals what it did before, for there will be no
// init. Those that came meanwhile come now.
func (c *Caught) GiveBack() {
	for i, sig := range c.signals {
		exchange(sig, &c.before[i], nil)
		bit := uint64(1) << sig
		if atomic.AndUint64(&pending, ^bit)&bit != 0 {
			unix.Kill(unix.Getpid(), sig)
		}
	}
}

func exchange(sig unix.Signal, action, before *sigaction) {
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(action)), uintptr(unsafe.Pointer(before)), 8, 0, 0)
}

// To names the socket of the init that is to get the signals, and sends those that
// came before. The descriptor is kept for good: a handler may use it at any time.
func To(control int) error {
	own, err := unix.FcntlInt(uintptr(control), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return err
	}
	atomic.StoreInt64(&socket, int64(own))
	for sig := range messages {
		bit := uint64(1) << sig
		if atomic.AndUint64(&pending, ^bit)&bit != 0 {
			unix.Sendto(own, messages[sig].Bytes(), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, nil)
		}
	}
	return nil
}
