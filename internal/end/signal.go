// Package end lets a command end as the program did that it ran.
package end

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// BySignal ends this process by sig, so that whoever waits for it sees what it
// would have seen of the program: a shell ends its loop on SIGINT, and says
// "Segmentation fault". No core is dumped: this process has no fault.
//
// It returns where a signal can't end the process: process 1 of a container
// gets none that it has no handler for (pid_namespaces(7)).
func BySignal(sig unix.Signal) {
	if os.Getpid() == 1 {
		return
	}
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)

	// Not signal.Reset: the runtime keeps its handler for some.
	var byDefault [4]uint64 // struct kernel_sigaction, on every machine with 64 bits
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&byDefault)), 0, 8, 0, 0)
	unix.Kill(os.Getpid(), sig)

	// Another thread may get it.
	time.Sleep(time.Second)
}
