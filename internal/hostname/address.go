package hostname

import (
	"strconv"
	"strings"
)

// An Address is an IPv6 address, or an IPv4 one as IPv6 maps it (::ffff:a.b.c.d).
// Package net/netip has the same and more, but setting it up would cost every start of
// a sandbox; the tests compare.
type Address [16]byte

// IPv4 returns an IPv4 address.
func IPv4(a, b, c, d byte) Address {
	return Address{10: 0xff, 11: 0xff, 12: a, 13: b, 14: c, 15: d}
}

// Is4 reports whether it is an IPv4 address.
func (a Address) Is4() bool {
	return a == IPv4(a[12], a[13], a[14], a[15])
}

// ParseAddress reads an address in the usual spelling, without a zone.
func ParseAddress(s string) (Address, bool) {
	if !strings.Contains(s, ":") {
		return parse4(s)
	}
	front, back, shortened := strings.Cut(s, "::")
	first, ok := groups(front, !shortened)
	if !ok {
		return Address{}, false
	}
	last, ok := groups(back, true)
	missing := 16 - len(first) - len(last)
	if !ok || shortened && missing < 2 || !shortened && missing != 0 {
		return Address{}, false
	}
	var a Address
	copy(a[:], first)
	copy(a[16-len(last):], last)
	return a, true
}

// groups reads the groups of an IPv6 address, of which the last may be an IPv4
// address where it ends.
func groups(s string, ends bool) (bytes []byte, ok bool) {
	if s == "" {
		return nil, true
	}
	parts := strings.Split(s, ":")
	for i, part := range parts {
		if strings.Contains(part, ".") && ends && i == len(parts)-1 {
			a, ok := parse4(part)
			return append(bytes, a[12:]...), ok && len(bytes) <= 12
		}
		n, err := strconv.ParseUint(part, 16, 16)
		if err != nil || len(part) > 4 || len(bytes) == 16 {
			return nil, false
		}
		bytes = append(bytes, byte(n>>8), byte(n))
	}
	return bytes, true
}

func parse4(s string) (Address, bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return Address{}, false
	}
	a := IPv4(0, 0, 0, 0)
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil || len(part) > 1 && part[0] == '0' {
			return Address{}, false
		}
		a[12+i] = byte(n)
	}
	return a, true
}

// String returns the usual spelling, that of RFC 5952.
func (a Address) String() string {
	if a.Is4() {
		return strconv.Itoa(int(a[12])) + "." + strconv.Itoa(int(a[13])) + "." + strconv.Itoa(int(a[14])) + "." + strconv.Itoa(int(a[15]))
	}
	group := func(i int) uint64 { return uint64(a[2*i])<<8 | uint64(a[2*i+1]) }
	from, to := 8, 8 // the longest run of zeros
	for i := 0; i < 8; i++ {
		j := i
		for j < 8 && group(j) == 0 {
			j++
		}
		if j-i >= 2 && j-i > to-from {
			from, to = i, j
		}
	}
	var b strings.Builder
	for i := 0; i < 8; i++ {
		if i == from {
			b.WriteString("::")
			if i = to; i == 8 {
				break
			}
		} else if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(strconv.FormatUint(group(i), 16))
	}
	return b.String()
}
