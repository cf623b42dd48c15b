package isolate

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/door"
	"isolate-namespace/internal/hostname"
	"isolate-namespace/isolate/internal/calls"
	"isolate-namespace/isolate/internal/initproc"
)

// hasIPv6 reports whether this machine has IPv6.
func hasIPv6() bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

// makeDoors appends the calls by which init makes the doors, and returns the message in
// which they are to be handed out.
func (k *doorkeeper) makeDoors(l *calls.List) (message calls.Arg) {
	var families []byte
	for _, d := range k.doors {
		switch d.Kind {
		case door.Watch4:
			families = append(families, unix.AF_INET)
		case door.Watch6:
			families = append(families, unix.AF_INET6)
		}
	}
	routeToLoopback(l, families)

	data := (&initproc.Message{}).Bytes()
	vector := l.Words(0, uint64(len(data)))
	l.Point(vector, 0, l.Data(data))
	count := k.count()
	rights := l.Data(rightsFor(count))
	// struct msghdr, recvmsg(2): no address, one vector, the control data.
	header := l.Words(0, 0, 0, 1, 0, uint64(unix.CmsgSpace(4*count)), 0)
	l.Point(header, 16, vector)
	l.Point(header, 32, rights)

	// Init closes them with everything else that isn't its own.
	at := unix.CmsgLen(0)
	for _, d := range k.doors {
		for range d.Sockets() {
			makeDoor(l, d, rights, at)
			at += 4
		}
	}
	return header
}

// handOut appends the call that sends the doors to the caller. It comes last: until the
// caller receives them they count against what all processes of its user may have on
// their way (unix(7), ETOOMANYREFS).
func (k *doorkeeper) handOut(l *calls.List, message calls.Arg) {
	l.Do(calls.HandOutDoors.Of(""), unix.SYS_SENDMSG, calls.Num(k.theirs), message, calls.Num(unix.MSG_NOSIGNAL))
}

// rightsFor returns a control message with room for descriptors (unix(7)).
func rightsFor(count int) []byte {
	header := binary.NativeEndian.AppendUint64(nil, uint64(unix.CmsgLen(4*count)))
	header = binary.NativeEndian.AppendUint32(header, unix.SOL_SOCKET)
	header = binary.NativeEndian.AppendUint32(header, unix.SCM_RIGHTS)
	return append(header, make([]byte, unix.CmsgSpace(4*count)-len(header))...)
}

// makeDoor appends the calls that make one socket and put its descriptor into the
// message.
func makeDoor(l *calls.List, d door.Door, rights calls.Arg, at int) {
	const flags = unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	socket := func(path string, family, kind, protocol int) calls.Slot {
		return l.GetInto(rights, at, calls.MakeDoor.Of(path), unix.SYS_SOCKET, calls.Num(family), calls.Num(kind|flags), calls.Num(protocol))
	}
	bind := func(s calls.Slot, a hostname.Address, port int) {
		addr := socketAddress(a, port)
		l.Do(calls.MakeDoor.Of(hostname.Join(a.String(), port)), unix.SYS_BIND, s.Arg(), l.Data(addr), calls.Num(len(addr)))
	}
	listen := func(s calls.Slot) {
		const queue = 256
		l.Do(calls.MakeDoor.Of(""), unix.SYS_LISTEN, s.Arg(), calls.Num(queue))
	}

	var s calls.Slot
	switch d.Kind {
	case door.ResolverUDP:
		s = socket("the resolver", unix.AF_INET, unix.SOCK_DGRAM, 0)
		bind(s, resolverAddress, resolverPort)
	case door.ResolverTCP:
		s = socket("the resolver", unix.AF_INET, unix.SOCK_STREAM, 0)
		bind(s, resolverAddress, resolverPort)
		listen(s)
	case door.Watch4:
		s = socket("a raw socket", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_TCP)
		filter(l, s, attempts4)
	case door.Watch6:
		s = socket("a raw socket", unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_TCP)
		filter(l, s, attempts6)
		l.Do(calls.MakeDoor.Of("a raw socket"), unix.SYS_SETSOCKOPT, s.Arg(), calls.Num(unix.IPPROTO_IPV6), calls.Num(unix.IPV6_RECVPKTINFO), l.Data([]byte{1, 0, 0, 0}), calls.Num(4))
	case door.Spare:
		socket("a spare socket", unix.AF_INET, unix.SOCK_STREAM, 0)
	case door.Listener:
		family := unix.AF_INET6
		if d.Address.Is4() {
			family = unix.AF_INET
		}
		s = socket(hostname.Join(d.Host, d.Port), family, unix.SOCK_STREAM, 0)
		bind(s, d.Address, d.Port)
		if d.Host == "localhost" {
			l.Last().Fine = unix.EADDRNOTAVAIL // IPv6 may be off where it exists; the socket then has no address that leads to it
		}
		listen(s)
	}
}

// socketAddress returns a struct sockaddr_in or sockaddr_in6, ip(7) and ipv6(7).
func socketAddress(a hostname.Address, port int) []byte {
	if a.Is4() {
		b := binary.NativeEndian.AppendUint16(nil, unix.AF_INET)
		return append(append(binary.BigEndian.AppendUint16(b, uint16(port)), a[12:]...), make([]byte, 8)...)
	}
	b := binary.NativeEndian.AppendUint16(nil, unix.AF_INET6)
	b = append(binary.BigEndian.AppendUint16(b, uint16(port)), 0, 0, 0, 0)
	return append(append(b, a[:]...), 0, 0, 0, 0)
}

// routeToLoopback appends the calls that make every address of these families one of the
// loopback interface's, as "ip route add local default dev lo" does. Doors can then be
// at any address, and whatever isn't at a door is refused at once. If a route can't be
// made, binding a door to its address fails.
func routeToLoopback(l *calls.List, families []byte) {
	if len(families) == 0 {
		return
	}
	what := calls.MakeRoute.Of("")
	s := l.Get(what, unix.SYS_SOCKET, calls.Num(unix.AF_NETLINK), calls.Num(unix.SOCK_RAW|unix.SOCK_CLOEXEC), calls.Num(unix.NETLINK_ROUTE))
	kernel := l.Data(append(binary.NativeEndian.AppendUint16(nil, unix.AF_NETLINK), make([]byte, unix.SizeofSockaddrNetlink-2)...))
	for _, family := range families {
		message := newRoute(family)
		l.Do(what, unix.SYS_SENDTO, s.Arg(), l.Data(message), calls.Num(len(message)), calls.Num(0), kernel, calls.Num(unix.SizeofSockaddrNetlink))
	}
	l.Close(s)
}

// newRoute returns the request for such a route.
func newRoute(family byte) []byte {
	const loopback = 1 // the index of its interface in every network
	attribute := binary.NativeEndian.AppendUint16(nil, 8)
	attribute = binary.NativeEndian.AppendUint16(attribute, unix.RTA_OIF)
	attribute = binary.NativeEndian.AppendUint32(attribute, loopback)
	// struct rtmsg, rtnetlink(7).
	scope := byte(unix.RT_SCOPE_HOST)
	route := append([]byte{family, 0, 0, 0, unix.RT_TABLE_LOCAL, unix.RTPROT_BOOT, scope, unix.RTN_LOCAL, 0, 0, 0, 0}, attribute...)
	// struct nlmsghdr, netlink(7).
	message := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(route)))
	message = binary.NativeEndian.AppendUint16(message, unix.RTM_NEWROUTE)
	message = binary.NativeEndian.AppendUint16(message, unix.NLM_F_REQUEST|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	message = append(message, make([]byte, 8)...) // no number, from nobody
	return append(message, route...)
}

// What a raw socket is to receive, in the instructions of socket filters: the first
// packet of a connection, which is the one with SYN and without ACK, and not to
// 127.0.0.0/8. For IPv4 the packet begins with its IP header, for IPv6 after it
// (raw(7), ipv6(7)).
var (
	attempts4 = []unix.SockFilter{
		{Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: 0},
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_IND, K: 13},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0x12},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x02, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 16},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 127, Jt: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 64},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	attempts6 = []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0x12},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x02, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 64},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
)

// filter appends the call that attaches a filter to a socket.
func filter(l *calls.List, s calls.Slot, program []unix.SockFilter) {
	var code []byte
	for _, i := range program {
		code = binary.NativeEndian.AppendUint16(code, i.Code)
		code = binary.NativeEndian.AppendUint32(append(code, i.Jt, i.Jf), i.K)
	}
	instructions := l.Data(code)
	about := l.Words(uint64(len(program)), 0) // struct sock_fprog
	l.Point(about, 8, instructions)
	l.Do(calls.MakeDoor.Of("a filter"), unix.SYS_SETSOCKOPT, s.Arg(), calls.Num(unix.SOL_SOCKET), calls.Num(unix.SO_ATTACH_FILTER), about, calls.Num(16))
}
