package network

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/door"
)

// takeAttempt tells to which address the program tried to connect, from the first packet
// that a raw socket receives. The kernel has refused the attempt. It reports whether there
// was one.
func (s *server) takeAttempt(from *source, kind door.Kind) bool {
	packet, control := s.buffer[:128], s.buffer[128:256]
	n, oobn, _, _, err := unix.Recvmsg(from.FD, packet, control, 0)
	if err != nil {
		return waits(err)
	}
	if place, ok := destination(kind, packet[:n], control[:oobn]); ok {
		s.tellAttempt(place)
	}
	if s.teller.full() {
		from.end()
		return false
	}
	if !s.ended {
		// Many attempts cost little: what doesn't fit into the socket's buffer meanwhile is lost.
		from.pause(true)
		s.after(2*time.Millisecond, func() { from.pause(false) })
	}
	return true
}

// tellAttempt tells of an attempt that led nowhere.
func (s *server) tellAttempt(place netip.AddrPort) {
	name, listens := s.names.at(place)
	switch {
	case listens || place.Addr().IsLoopback():
	case name != "":
		s.teller.tell(door.NotAllowed, service{host: name, port: int(place.Port())}.String(), "")
	default:
		s.teller.tell(door.NotConnected, place.String(), "")
	}
}

// destination returns where a TCP packet goes.
func destination(kind door.Kind, packet, control []byte) (place netip.AddrPort, ok bool) {
	port := func(tcp []byte) uint16 { return uint16(tcp[2])<<8 | uint16(tcp[3]) }
	if kind == door.Watch4 {
		if len(packet) < 20 {
			return place, false
		}
		header := int(packet[0]&0xf) * 4
		if len(packet) < header+4 {
			return place, false
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(packet[16:20])), port(packet[header:])), true
	}

	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(packet) < 4 {
		return place, false
	}
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) >= 16 {
			return netip.AddrPortFrom(netip.AddrFrom16([16]byte(m.Data[:16])), port(packet)), true
		}
	}
	return place, false
}
