package network

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// leadsHere reports whether packets to an address stay on this machine, which a route can
// say of addresses that no interface has, as of those that a load balancer forwards
// (rtnetlink(7)). An address to which there is no route leads nowhere.
func leadsHere(a netip.Addr) (bool, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, routeTo(a), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return false, err
	}

	// Only the kernel answers a socket that it has given an address itself, and at once.
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, unix.MSG_DONTWAIT)
	if err != nil {
		return false, err
	}
	answer = answer[:n]
	if len(answer) < unix.SizeofNlMsghdr+unix.SizeofRtMsg {
		return false, unix.EBADMSG
	}
	if binary.NativeEndian.Uint16(answer[4:]) == unix.NLMSG_ERROR {
		return false, nil
	}
	kind := answer[unix.SizeofNlMsghdr+7]
	return kind != unix.RTN_UNICAST, nil
}

// routeTo returns the question for the route to an address: struct nlmsghdr, struct rtmsg and
// one attribute.
func routeTo(a netip.Addr) []byte {
	family, to := byte(unix.AF_INET), a.AsSlice()
	if a.Is6() {
		family = unix.AF_INET6
	}
	size := unix.SizeofNlMsghdr + unix.SizeofRtMsg + unix.SizeofRtAttr + len(to)
	m := binary.NativeEndian.AppendUint32(nil, uint32(size))
	m = binary.NativeEndian.AppendUint16(m, unix.RTM_GETROUTE)
	m = binary.NativeEndian.AppendUint16(m, unix.NLM_F_REQUEST)
	m = append(m, make([]byte, 8)...) // no number, from nobody
	m = append(append(m, family, byte(8*len(to))), make([]byte, unix.SizeofRtMsg-2)...)
	m = binary.NativeEndian.AppendUint16(m, uint16(unix.SizeofRtAttr+len(to)))
	m = binary.NativeEndian.AppendUint16(m, unix.RTA_DST)
	return append(m, to...)
}
