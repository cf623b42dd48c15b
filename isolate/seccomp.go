package isolate

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/seccomp"
)

// filter appends the call that puts the system-call filter on the process, for
// good and for all that comes after it (seccomp(2)). What it refuses and why is
// in internal/seccomp/gen/rules.go.
func (p *program) filter(policy *Policy) {
	code := seccomp.Code(policy.UserNamespaces)
	const instruction = 8 // sizeof(struct sock_filter)
	// struct sock_fprog: how many there are, and where.
	var head [16]byte
	binary.NativeEndian.PutUint16(head[:], uint16(len(code)/instruction))
	filter, fprog := p.data([]byte(code)), p.data(head[:])
	p.point(int(fprog.value)+8, filter)
	p.do(note{stepLoadFilter, ""}, unix.SYS_SECCOMP, num(unix.SECCOMP_SET_MODE_FILTER), num(0), fprog)
}
