// Package seccomp holds the finished system-call filters of a sandbox. gen/rules.go
// says what they refuse, and why.
package seccomp

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
