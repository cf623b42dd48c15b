// Package hostname reads the hosts and ports that options name, and says which
// names a wildcard has below it. It is strict: what it takes means the same to
// every resolver.
package hostname

import (
	"errors"
	"strconv"
	"strings"
)

// Errors of names.
var (
	ErrNotName   = errors.New("it isn't a host name: labels of letters, digits, - and _, of 63 at most, with dots between them, 253 in all; other letters are written as xn--")
	ErrNumber    = errors.New("it isn't an address either: an IPv4 address is four decimal numbers without leading zeros")
	errNoPort    = errors.New("it is HOST:PORT, or [ADDRESS]:PORT for IPv6")
	errPort      = errors.New("a port is a number from 1 to 65535")
	errMapped    = errors.New("write the IPv4 address that is in it")
	errWildcards = errors.New("a wildcard is *.NAME")
)

// Name returns a host name in lower case, without the dot that may end it.
func Name(s string) (string, error) {
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	if s == "" || len(s) > 253 {
		return "", ErrNotName
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", ErrNotName
		}
	}
	if isNumber(labels[len(labels)-1]) {
		return "", ErrNumber
	}
	return s, nil
}

// isNumber reports whether a label is one of the numbers that inet_aton(3) reads: a
// name that ends with one is an address to some programs.
func isNumber(label string) bool {
	if digits, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// Host returns a host in its usual spelling: an address, a Name, or, where wildcards
// are allowed, "*." and a name.
func Host(s string, wildcards bool) (string, error) {
	if strings.Contains(s, ":") {
		a, ok := ParseAddress(s)
		if !ok {
			return "", errNoPort
		}
		if a.Is4() {
			return "", errMapped
		}
		return a.String(), nil
	}
	if a, ok := ParseAddress(s); ok {
		return a.String(), nil
	}
	below, isWildcard := strings.CutPrefix(s, "*.")
	name, err := Name(below)
	switch {
	case err != nil && strings.Contains(s, "*"):
		return "", errWildcards
	case err != nil:
		return "", err
	case isWildcard && !wildcards:
		return "", errors.New("it is one host, without *")
	case isWildcard:
		return "*." + name, nil
	}
	return name, nil
}

// Split separates HOST:PORT, without looking at the host. An IPv6 address stands in
// brackets. The port is 0 if there is none.
func Split(s string) (host string, port int, err error) {
	rest := s
	if inner, ok := strings.CutPrefix(s, "["); ok {
		host, rest, ok = strings.Cut(inner, "]")
		if !ok || !strings.Contains(host, ":") || rest != "" && rest[0] != ':' {
			return "", 0, errNoPort
		}
	} else {
		at := strings.IndexByte(s, ':')
		if at < 0 {
			return s, 0, nil
		}
		host, rest = s[:at], s[at:]
	}
	if rest == "" {
		return host, 0, nil
	}
	if strings.Contains(rest[1:], ":") {
		return "", 0, errNoPort
	}
	n, err := strconv.ParseUint(rest[1:], 10, 16)
	if err != nil || n == 0 || rest[1] == '0' {
		return "", 0, errPort
	}
	return host, int(n), nil
}

// Join is the opposite of Split.
func Join(host string, port int) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(port)
}

// IsBelow reports whether a Name is one that the wildcard stands for: one or more
// labels below it, and not itself.
func IsBelow(name, wildcard string) bool {
	suffix, ok := strings.CutPrefix(wildcard, "*")
	return ok && len(name) > len(suffix) && strings.HasSuffix(name, suffix)
}
