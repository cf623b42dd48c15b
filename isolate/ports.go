package isolate

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// A portTable has the addresses at which TCP sockets of one network listen.
type portTable map[netip.AddrPort]bool

// listenersOutside returns those of the caller's network.
func listenersOutside() portTable { return readPorts("/proc/self/net") }

// listensAt reports whether somebody in the network of a thread listens at an address.
func listensAt(thread int, to netip.AddrPort) bool {
	return readPorts(fmt.Sprintf("/proc/%d/net", thread)).has(to)
}

// has reports whether a connection to an address of the loopback interface reaches a
// listener.
func (t portTable) has(to netip.AddrPort) bool {
	any4, any6 := netip.IPv4Unspecified(), netip.IPv6Unspecified()
	for _, at := range []netip.Addr{to.Addr(), any4, any6} {
		if t[netip.AddrPortFrom(at, to.Port())] {
			return true
		}
	}
	// To the unspecified address means to this machine.
	return to.Addr().IsUnspecified() && (t[netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), to.Port())] || t[netip.AddrPortFrom(netip.IPv6Loopback(), to.Port())])
}

// isLoopback reports whether a connection to an address stays on the machine.
func isLoopback(a netip.Addr) bool { return a.IsLoopback() || a.IsUnspecified() }

// readPorts reads the tables of a network, proc_net(5) and proc_net_tcp(5).
func readPorts(dir string) portTable {
	all := portTable{}
	for _, name := range []string{"/tcp", "/tcp6"} {
		text, _ := os.ReadFile(dir + name) // without one there are no listeners of its kind
		for line := range strings.Lines(string(text)) {
			const listens = "0A"
			if fields := strings.Fields(line); len(fields) > 3 && fields[3] == listens {
				if at, ok := parsePort(fields[1]); ok {
					all[at] = true
				}
			}
		}
	}
	return all
}

// parsePort reads an address and port such as 0100007F:1F90, which is 127.0.0.1:8080:
// 32-bit numbers of this machine, then the port.
func parsePort(field string) (at netip.AddrPort, ok bool) {
	digits, port, found := strings.Cut(field, ":")
	raw, err := hex.DecodeString(digits)
	number, err2 := strconv.ParseUint(port, 16, 16)
	if !found || err != nil || err2 != nil {
		return at, false
	}
	for word := raw; len(word) >= 4; word = word[4:] {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	address, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(address.Unmap(), uint16(number)), ok
}
