package network

import (
	"net"
	"net/netip"
)

// isPublic reports whether an address is one that anybody on the internet can have:
// not this machine, its network, or what is reserved, in any form that contains such
// an address. The ranges are those of the IANA's special-purpose registries (RFC 6890).
func isPublic(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return !isIn(a, special4)
	}
	// All that has been given out.
	if !isIn(a, []string{"2000::/3"}) && !isIn(a, embedding) || isIn(a, special6) {
		return false
	}
	inner, ok := embedded(a)
	return !ok || isPublic(inner)
}

// special4 are the ranges of IPv4 that aren't public.
var special4 = []string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
}

// special6 are those of IPv6 within what has been given out: the IETF's protocols, with
// Teredo, and documentation.
var special6 = []string{"2001::/23", "2001:db8::/32", "3fff::/20"}

// embedding is the range of IPv6 whose last four bytes are an IPv4 address, by which a
// network without IPv4 reaches it (NAT64, RFC 6052). A network may have others, of its
// own addresses.
var embedding = []string{"64:ff9b::/96"}

// embedded returns the IPv4 address that packets to a are for.
func embedded(a netip.Addr) (netip.Addr, bool) {
	b := a.As16()
	switch {
	case isIn(a, embedding):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case isIn(a, []string{"2002::/16"}): // 6to4, RFC 3056
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP, RFC 5214
		return netip.AddrFrom4([4]byte(b[12:16])), true
	}
	return a, false
}

func isIn(a netip.Addr, ranges []string) bool {
	for _, r := range ranges {
		if netip.MustParsePrefix(r).Contains(a) {
			return true
		}
	}
	return false
}

// isOwn reports whether an address, or one that is in it, is this machine's: one of an
// interface, or one that a route leads here. If that can't be found out, every address may
// be.
func isOwn(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	own, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, o := range own {
		if prefix, err := netip.ParsePrefix(o.String()); err == nil && prefix.Addr().Unmap() == a {
			return true
		}
	}
	if here, err := leadsHere(a); here || err != nil {
		return true
	}
	inner, ok := embedded(a)
	return ok && isOwn(inner)
}
