package initproc

// A siginfo is what waitid(2) says of a process and ptrace(2) of a signal:
// siginfo_t, as 64-bit machines have it.
type siginfo struct {
	signo, errno, code, _ int32
	pid, uid              int32
	status                int32
	_                     [25]int32
}

// Values of code.
const (
	siUser     = 0 // kill(2), and what an exec sends itself under a tracer
	cldKilled  = 2 // a signal ended the process; 1 is an exit
	cldDumped  = 3
	cldTrapped = 4 // stopped for its tracer
	cldStopped = 5
)

// waitStatus returns the status of a process that has ended, in the form of wait4(2).
//
//go:nosplit
//go:norace
func (s *siginfo) waitStatus() uint32 {
	switch s.code {
	case cldKilled:
		return uint32(s.status)
	case cldDumped:
		return uint32(s.status) | 0x80
	}
	return uint32(s.status) << 8
}
