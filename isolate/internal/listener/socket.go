package listener

import (
	"cmp"
	"encoding/binary"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/hostname"
	"isolate-namespace/internal/process"
)

// A Connection is what a thread is about to connect to.
type Connection struct {
	Thread  int
	Address Address
}

// An Address is an address and port of the Internet.
type Address struct {
	IP   hostname.Address
	Port uint16
}

// String returns the usual spelling, as in 127.0.0.1:80 and [::1]:80.
func (a Address) String() string { return hostname.Join(a.IP.String(), int(a.Port)) }

// Compare orders addresses, and ports of one.
func (a Address) Compare(b Address) int {
	return cmp.Or(slices.Compare(a.IP[:], b.IP[:]), cmp.Compare(a.Port, b.Port))
}

// A socket is known by its thread's number for it. The C library asks a resolver from
// one thread, and at once.
type socket struct {
	thread int
	fd     int32
}

const (
	resolverPort = 53
	mostAsking   = 256 // sockets that are remembered
)

// lookAtSocket reads what a call does with a socket. It returns what is to be told, or
// nil.
func (l *server) lookAtSocket(does network) (tell func()) {
	thread, fd := int(l.now.tid), int32(l.now.args[0])
	switch does {
	case connects:
		return l.lookAtAddress(socket{thread, fd}, l.now.args[1], l.now.args[2])
	case sendsTo:
		to, address := l.asks[socket{thread, fd}], l.now.args[4]
		if address != 0 {
			at, ok := ipAddress(l.readAddress(address, l.now.args[5]))
			to = ok && at.Port == resolverPort
		}
		if to {
			return l.lookAtQuestions(l.now.args[1:3])
		}
	case sendsMany:
		if l.asks[socket{thread, fd}] {
			return l.lookAtMessages(l.now.args[1], l.now.args[2])
		}
	}
	return nil
}

// lookAtAddress reads what a socket connects to.
func (l *server) lookAtAddress(s socket, address, length uint64) (tell func()) {
	raw := l.readAddress(address, length)
	if path, ok := unixAddress(raw); ok {
		if !filepath.IsAbs(path) {
			base, err := process.Dir(s.thread, unix.AT_FDCWD)
			if err != nil {
				return nil
			}
			path = base + "/" + path
		}
		return func() { l.heard.Use(Use{Thread: s.thread, Path: path, How: Look}) }
	}

	at, ok := ipAddress(raw)
	delete(l.asks, s)
	if !ok {
		return nil
	}
	if at.Port == resolverPort {
		if len(l.asks) >= mostAsking {
			clear(l.asks)
		}
		l.asks[s] = true
	}
	return func() { l.heard.Connect(Connection{s.thread, at}) }
}

// readAddress reads a struct sockaddr of a length that the program says.
func (l *server) readAddress(address, length uint64) []byte {
	return process.Memory(int(l.now.tid), address, int(min(length, unix.SizeofSockaddrUnix)))
}

// unixAddress returns the path in a struct sockaddr_un. An abstract name is none.
func unixAddress(raw []byte) (path string, ok bool) {
	if len(raw) < 4 || binary.NativeEndian.Uint16(raw) != unix.AF_UNIX || raw[2] == 0 {
		return "", false
	}
	return unix.ByteSliceToString(raw[2:]), true
}

// ipAddress returns the address and port in a struct sockaddr_in or sockaddr_in6.
func ipAddress(raw []byte) (at Address, ok bool) {
	if len(raw) < 2 {
		return at, false
	}
	family := binary.NativeEndian.Uint16(raw)
	switch {
	case family == unix.AF_INET && len(raw) >= unix.SizeofSockaddrInet4:
		return Address{hostname.IPv4(raw[4], raw[5], raw[6], raw[7]), binary.BigEndian.Uint16(raw[2:])}, true
	case family == unix.AF_INET6 && len(raw) >= unix.SizeofSockaddrInet6-4: // the scope may be left out
		return Address{hostname.Address(raw[8:24]), binary.BigEndian.Uint16(raw[2:])}, true
	}
	return at, false
}

// lookAtQuestions reads a question that is sent, at an address and of a length.
func (l *server) lookAtQuestions(messages ...[]uint64) (tell func()) {
	names := map[string]bool{}
	for _, m := range messages {
		const longest = 512 // of a question over UDP (RFC 1035)
		if name, ok := question(process.Memory(int(l.now.tid), m[0], int(min(m[1], longest)))); ok {
			names[name] = true
		}
	}
	if len(names) == 0 {
		return nil
	}
	return func() {
		for name := range names {
			l.heard.Ask(name)
		}
	}
}

// lookAtMessages reads the questions of struct mmsghdr, one after the other: the C library
// asks for both kinds of addresses at a time.
func (l *server) lookAtMessages(address, count uint64) (tell func()) {
	const size, most = 64, 4 // struct mmsghdr, and as many as are looked at
	var all [][]uint64
	raw := process.Memory(int(l.now.tid), address, int(min(count, most))*size)
	for ; len(raw) >= size; raw = raw[size:] {
		vector := process.Memory(int(l.now.tid), binary.NativeEndian.Uint64(raw[16:]), 16) // its struct iovec
		if len(vector) == 16 {
			all = append(all, []uint64{binary.NativeEndian.Uint64(vector), binary.NativeEndian.Uint64(vector[8:])})
		}
	}
	return l.lookAtQuestions(all...)
}

// question returns the name that a message to a resolver asks for (RFC 1035, 4.1).
func question(message []byte) (name string, ok bool) {
	const header, response = 12, 0x8000
	if len(message) < header || binary.BigEndian.Uint16(message[2:])&response != 0 || binary.BigEndian.Uint16(message[4:]) != 1 {
		return "", false
	}
	for rest := message[header:]; len(rest) > 0; {
		length := int(rest[0])
		if length == 0 {
			return name, name != "" && len(rest) >= 5 // the kind and class follow
		}
		if length > 63 || len(rest) < length+1 {
			return "", false
		}
		if name != "" {
			name += "."
		}
		name += string(rest[1 : length+1])
		rest = rest[length+1:]
	}
	return "", false
}
