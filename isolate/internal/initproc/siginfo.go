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
	cldKilled  = 2 // of a process that has ended, as is what is not below
	cldDumped  = 3
	cldTrapped = 4 // in a stop for its tracer
	cldStopped = 5
)

// waitStatus returns the same in the form of wait4(2), of a process that has ended.
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
