package listener

import (
	"strings"
	"testing"
)

func TestQuestion(t *testing.T) {
	const header = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	for _, test := range []struct{ message, want string }{
		{header + "\x04data\x07example\x03org\x00\x00\x01\x00\x01", "data.example.org"},
		{header + "\x02db\x00\x00\x01\x00\x01", "db"},
		{header + "\x05a\x1b[2J\x00\x00\x01\x00\x01", "a\x1b[2J"},
		{header + "\x04data\x07example\x03org\x00\x00\x01\x00", ""},               // cut off
		{header + "\x04data\x07example\x03org", ""},                               // without an end
		{header + "\x04data\x07exam", ""},                                         // in a word
		{header + "\xc0\x0c\x00\x01\x00\x01", ""},                                 // a pointer, which a question has none of
		{header + "\x00\x00\x01\x00\x01", ""},                                     // the root
		{header, ""},                                                              // nothing
		{"\x12\x34\x81\x80" + header[4:] + "\x02db\x00\x00\x01\x00\x01", ""},      // an answer
		{header[:4] + "\x00\x02" + header[6:] + "\x02db\x00\x00\x01\x00\x01", ""}, // two questions
		{"GET / HTTP/1.1\r\n", ""},
		{"", ""},
	} {
		got, ok := question([]byte(test.message))
		if ok != (test.want != "") || ok && got != test.want {
			t.Errorf("%q asks for %q, %v; want %q", test.message, got, ok, test.want)
		}
	}
}

func FuzzQuestion(f *testing.F) {
	f.Add([]byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04data\x07example\x03org\x00\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, message []byte) {
		if name, ok := question(message); ok && (name == "" || !strings.Contains(string(message), name[:1])) {
			t.Errorf("%q asks for %q", message, name)
		}
	})
}

func TestAddresses(t *testing.T) {
	for _, test := range []struct{ raw, ip, path string }{
		{"\x02\x00\x15\x38\x0a\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00", "10.0.0.1:5432", ""},
		{"\x02\x00\x15\x38\x0a", "", ""},
		{"\x0a\x00\x15\x38\x00\x00\x00\x00" + strings.Repeat("\x00", 15) + "\x01\x00\x00\x00\x00", "[::1]:5432", ""},
		{"\x0a\x00\x15\x38\x00\x00\x00\x00" + strings.Repeat("\x00", 10) + "\xff\xff\x0a\x00\x00\x01", "10.0.0.1:5432", ""},
		{"\x01\x00/run/x\x00rest", "", "/run/x"},
		{"\x01\x00relative", "", "relative"},
		{"\x01\x00\x00abstract", "", ""},
		{"\x01\x00", "", ""},
		{"\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "", ""}, // netlink
		{"\x02", "", ""},
		{"", "", ""},
	} {
		ip, ok := ipAddress([]byte(test.raw))
		if ok != (test.ip != "") || ok && ip.String() != test.ip {
			t.Errorf("%q: %v, %v; want %q", test.raw, ip, ok, test.ip)
		}
		if path, ok := unixAddress([]byte(test.raw)); ok != (test.path != "") || path != test.path {
			t.Errorf("%q: %q, %v; want %q", test.raw, path, ok, test.path)
		}
	}
}
