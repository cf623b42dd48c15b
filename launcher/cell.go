package launcher

import (
	"bytes"
	"encoding/binary"
)

// A lastCell remembers which cell the kernel began last. A kernel that is
// killed can't say what it was running, so the relay looks at what passes on the
// iopub channel: a kernel announces each cell there ("execute_input"), with the
// header of the request for it.
type lastCell struct {
	announcement []byte // the last one, and what was sent just before and after it
}

var (
	announces = []byte(`"execute_input"`) // never in what a cell prints: there a backslash stands before the quote
	delimiter = []byte("<IDS|MSG>")
)

// maxHeader is more bytes than the headers of a message take.
const maxHeader = 4 << 10

// watch looks at what the kernel sent. Kernels write a message in one piece; one
// that comes in two pieces is missed.
func (l *lastCell) watch(sent []byte) {
	last := -1
	for from := 0; ; from = last + len(announces) {
		i := bytes.Index(sent[from:], announces)
		if i < 0 {
			break
		}
		last = from + i
	}
	if last < 0 {
		return
	}
	around := sent[max(0, last-maxHeader):min(len(sent), last+maxHeader)]
	l.announcement = append(l.announcement[:0], around...)
}

// request returns the header of the request, a JSON text, or "" if none was found.
// It comes from the kernel, so it may contain anything.
func (l *lastCell) request() string {
	at := bytes.LastIndex(l.announcement, announces)
	if at < 0 {
		return ""
	}
	start := bytes.LastIndex(l.announcement[:at], delimiter)
	if start < 0 {
		return ""
	}

	// The signature, the message's header and its parent's follow.
	rest := l.announcement[start+len(delimiter):]
	var parts [3][]byte
	for i := range parts {
		var ok bool
		if parts[i], rest, ok = readFrame(rest); !ok {
			return ""
		}
	}

	if !bytes.Contains(parts[1], announces) {
		return ""
	}
	return string(parts[2])
}

// readFrame takes a ZeroMQ frame from the beginning of b: a byte of
// flags, a length, which is long if the flags say so, and the content
// (https://rfc.zeromq.org/spec/23/).
func readFrame(b []byte) (frame, rest []byte, ok bool) {
	const long = 2
	switch {
	case len(b) >= 9 && b[0]&long != 0:
		length := binary.BigEndian.Uint64(b[1:9])
		if length > uint64(len(b)-9) {
			return nil, nil, false
		}
		return b[9 : 9+length], b[9+length:], true
	case len(b) >= 2 && b[0]&long == 0 && int(b[1]) <= len(b)-2:
		end := 2 + int(b[1])
		return b[2:end], b[end:], true
	}
	return nil, nil, false
}
