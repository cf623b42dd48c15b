package isolate

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
	"isolate-namespace/isolate/internal/seccomp"
)

// loadFilter appends the call that puts the system-call filter on the process,
// for good and for all that comes after it (seccomp(2)). What it refuses and why is
// in internal/seccomp/gen/rules.go.
func loadFilter(l *calls.List, policy *Policy) {
	code := seccomp.Code(policy.UserNamespaces)
	const instruction = 8 // sizeof(struct sock_filter)
	// struct sock_fprog: how many there are, and where.
	var head [16]byte
	binary.NativeEndian.PutUint16(head[:], uint16(len(code)/instruction))
	filter, fprog := l.Data([]byte(code)), l.Data(head[:])
	l.Point(fprog, 8, filter)
	l.Do(calls.LoadFilter.Of(""), unix.SYS_SECCOMP, calls.Num(unix.SECCOMP_SET_MODE_FILTER), calls.Num(0), fprog)
}
