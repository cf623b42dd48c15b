package protocol

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// A frameFollower knows where in a ZMTP 3 stream it is (rfc.zeromq.org/spec/23):
// a greeting of 64 bytes, then frames, each with a byte of flags and a length
// of one or eight bytes before it. The first frame is the command READY.
type frameFollower struct {
	role     *role
	greeting []byte // as far as it has come
	ready    []byte // the first frame, as far as it has come
	opened   bool   // the first frame is whole
	header   []byte // of the next frame, as far as it has come
	body     uint64 // bytes of this frame that are still to come
	start    bool   // none of them has come
	size     uint64 // of the message's frames
	count    int
	topics   int // subscriptions and their ends
}

const (
	more, long, command = 1, 2, 4 // flags

	greetingSize = 64
)

// ourGreeting is what the library itself says: version 3.0, no encryption.
const ourGreeting = "\xff\x00\x00\x00\x00\x00\x00\x00\x00\x7f\x03\x00NULL"

// follow goes on by what was read, and says whether it is within bounds.
func (f *frameFollower) follow(data []byte) bool {
	if n := min(greetingSize-len(f.greeting), len(data)); n > 0 {
		f.greeting = append(f.greeting, data[:n]...)
		data = data[n:]
		if len(f.greeting) == greetingSize && !understood(f.greeting) {
			return false
		}
	}

	for len(data) > 0 {
		if f.body > 0 {
			n := min(f.body, uint64(len(data)))
			f.body -= n
			if !f.look(data[:n]) {
				return false
			}
			data = data[n:]
			continue
		}
		f.header = append(f.header, data[0])
		data = data[1:]
		if !f.begin() {
			return false
		}
	}

	return true
}

// understood reports whether the library goes on after a greeting.
func understood(greeting []byte) bool {
	mechanism, _, _ := strings.Cut(string(greeting[12:32]), "\x00")
	return greeting[0] == 0xff && greeting[9] == 0x7f && greeting[10] >= 3 && mechanism == "NULL" && greeting[32] <= 1
}

// begin begins a frame once its header is whole.
func (f *frameFollower) begin() bool {
	flags := f.header[0]
	switch {
	case flags&long == 0 && len(f.header) == 1+1:
		f.body = uint64(f.header[1])
	case flags&long != 0 && len(f.header) == 1+8:
		f.body = binary.BigEndian.Uint64(f.header[1:])
	default:
		return true
	}
	f.header = f.header[:0]
	f.start = true

	if !f.opened {
		return flags&^long == command && f.body > 0 && f.body <= maxReady
	}
	f.count++
	if f.body > f.role.message || f.size+f.body > f.role.message || f.count > maxFrames {
		return false
	}
	if f.role.topics > 0 {
		f.topics++
		if flags&^long != 0 || f.body == 0 || f.topics > f.role.topics {
			return false
		}
	}
	if f.size += f.body; flags&more == 0 {
		f.size, f.count = 0, 0
	}
	return true
}

// look goes on by a part of a frame, and says whether the library can take it.
func (f *frameFollower) look(part []byte) bool {
	first := f.start
	f.start = false
	if !f.opened {
		return f.open(part)
	}
	const end, subscription = 0, 1
	return f.role.topics == 0 || !first || part[0] == end || part[0] == subscription
}

// open goes on by a part of the first frame, and says whether the library can
// read it once it is whole.
func (f *frameFollower) open(part []byte) bool {
	f.ready = append(f.ready, part...)
	if f.body > 0 {
		return true
	}
	properties, ok := bytes.CutPrefix(f.ready, []byte("\x05READY"))
	ok = ok && f.role.readable(properties)
	f.ready, f.opened = nil, true
	return ok
}

// readable reports whether the properties are whole, each a byte of length and a
// name, and four bytes of length and a value, and present a socket of a type
// that goes with ours. The library looks for all of this without asking
// whether it is there.
func (r *role) readable(properties []byte) bool {
	presented := false
	for p := properties; len(p) > 0; {
		end := 1 + int(p[0])
		if end+4 > len(p) {
			return false
		}
		name := string(p[1:end])
		size := uint64(binary.BigEndian.Uint32(p[end:]))
		if p = p[end+4:]; size > uint64(len(p)) {
			return false
		}
		value := string(p[:size])
		p = p[size:]

		// The library capitalises names by the rules of Unicode, so that others
		// could become this one.
		switch {
		case name == "Socket-Type" && r.admits(value):
			presented = true
		case name == "" || strings.EqualFold(name, "Socket-Type") || strings.ContainsFunc(name, isNoNameChar):
			return false
		}
	}

	return presented
}

// isNoNameChar is about the names of properties: RFC 23, name-char.
func isNoNameChar(c rune) bool {
	letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	return !letter && !(c >= '0' && c <= '9') && !strings.ContainsRune("-_.+", c)
}
