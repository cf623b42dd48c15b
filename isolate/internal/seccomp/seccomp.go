// Package seccomp holds the finished system-call filters of a sandbox. gen/rules.go
// says what they refuse, and why.
package seccomp

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

//go:generate go run ./gen/write

// Code returns the filter as struct sock_filter, one after the other: that of
// every sandbox, or with nesting the one that leaves what another sandbox
// inside needs.
func Code(withNesting bool) string {
	if withNesting {
		return nesting
	}
	return closed
}

// Load appends the call that puts the filter on the process, for good and for all
// that comes after it (seccomp(2)). The requests pass, too.
func Load(l *calls.List, withNesting bool, requests []Requests) {
	code := []byte(Code(withNesting))
	if len(requests) > 0 {
		code = append(passing(requests), code...)
	}
	// struct sock_fprog: how many there are, and where.
	var head [16]byte
	binary.NativeEndian.PutUint16(head[:], uint16(len(code)/instructionSize))
	filter, fprog := l.Data(code), l.Data(head[:])
	l.Point(fprog, 8, filter)
	l.Do(calls.LoadFilter.Of(""), unix.SYS_SECCOMP, calls.Num(unix.SECCOMP_SET_MODE_FILTER), calls.Num(0), fprog)
}
