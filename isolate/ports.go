package isolate

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"isolate-namespace/internal/hostname"
	"isolate-namespace/isolate/internal/listener"
)

// A portTable has the addresses at which TCP sockets of one network listen.
type portTable map[listener.Address]bool

// listenersOutside returns those of the caller's network.
func listenersOutside() portTable { return readPorts("/proc/self/net") }

// listensAt reports whether somebody in the network of a thread listens at an address.
func listensAt(thread int, to listener.Address) bool {
	return readPorts(fmt.Sprintf("/proc/%d/net", thread)).has(to)
}

// has reports whether a connection to an address of the loopback interface reaches a
// listener.
func (t portTable) has(to listener.Address) bool {
	for _, ip := range []hostname.Address{to.IP, any4, any6} {
		if t[listener.Address{IP: ip, Port: to.Port}] {
			return true
		}
	}
	// A connection to the unspecified address goes to this machine.
	isAny := to.IP == any4 || to.IP == any6
	return isAny && (t[listener.Address{IP: localhost4, Port: to.Port}] || t[listener.Address{IP: localhost6, Port: to.Port}])
}

// The unspecified addresses, and those of the loopback interface.
var (
	any4, any6             = hostname.IPv4(0, 0, 0, 0), hostname.Address{}
	localhost4, localhost6 = hostname.IPv4(127, 0, 0, 1), hostname.Address{15: 1}
)

// isLoopback reports whether a connection to an address stays on the machine.
func isLoopback(ip hostname.Address) bool {
	return ip == any4 || ip == any6 || ip == localhost6 || ip.Is4() && ip[12] == 127
}

// maxTable is how much is read of a table, in bytes: 7000 lines. Those of listeners come
// first, and a program can make others without end.
const maxTable = 1 << 20

// readPorts reads the tables of a network, proc_net(5) and proc_net_tcp(5).
func readPorts(dir string) portTable {
	all := portTable{}
	for _, name := range []string{"/tcp", "/tcp6"} {
		table, err := os.Open(dir + name)
		if err != nil {
			continue // without one there are no listeners of its kind
		}
		text, _ := io.ReadAll(io.LimitReader(table, maxTable))
		table.Close()
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
func parsePort(field string) (at listener.Address, ok bool) {
	digits, port, found := strings.Cut(field, ":")
	raw, err := hex.DecodeString(digits)
	number, err2 := strconv.ParseUint(port, 16, 16)
	if !found || err != nil || err2 != nil {
		return at, false
	}
	for word := raw; len(word) >= 4; word = word[4:] {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	at.Port = uint16(number)
	switch len(raw) {
	case 4:
		at.IP = hostname.IPv4(raw[0], raw[1], raw[2], raw[3])
	case 16:
		at.IP = hostname.Address(raw)
	default:
		return at, false
	}
	return at, true
}
