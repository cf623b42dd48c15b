package resolver

import (
	"bytes"
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"isolate-namespace/internal/hostname"
)

// known is the only name that there is.
func known(asked *[]string) func(string) ([4]byte, bool) {
	return func(name string) ([4]byte, bool) {
		*asked = append(*asked, name)
		return [4]byte{198, 18, 0, 1}, name == "pypi.test"
	}
}

// rawName is a name as it is in a message, whatever is in it.
func rawName(labels ...string) (name []byte) {
	for _, label := range labels {
		name = append(append(name, byte(len(label))), label...)
	}
	return append(name, 0)
}

// query is a message of one question.
func query(name []byte, kind, class byte) []byte {
	header := []byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	return append(append(header, name...), 0, kind, 0, class)
}

func TestAnswer(t *testing.T) {
	pypi := rawName("pypi", "test")
	options := append(query(pypi, 1, 1), 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0)
	options[11] = 1
	two := append(query(pypi, 1, 1), query(pypi, 1, 1)[12:]...)
	two[5] = 2
	status := query(pypi, 1, 1)
	status[2] = 2 << 3
	loop := query([]byte{0xc0, 12}, 1, 1)

	for _, test := range []struct {
		name    string
		query   []byte
		code    dnsmessage.RCode
		address bool
		asked   string
	}{
		{"its address", query(pypi, 1, 1), 0, true, "pypi.test"},
		{"in capitals", query(rawName("PyPI", "TEST"), 1, 1), 0, true, "pypi.test"},
		{"with options", options, 0, true, "pypi.test"},
		{"its IPv6 address", query(pypi, 28, 1), 0, false, "pypi.test"},
		{"its HTTPS record", query(pypi, 65, 1), 0, false, "pypi.test"},
		{"its TXT record", query(pypi, 16, 1), 0, false, "pypi.test"},
		{"a name of another length", query(rawName("a", "pypi", "test"), 1, 1), dnsmessage.RCodeNameError, false, "a.pypi.test"},
		{"another name", query(rawName("evil", "test"), 1, 1), dnsmessage.RCodeNameError, false, "evil.test"},
		{"the root", query(rawName(), 1, 1), dnsmessage.RCodeFormatError, false, ""},
		{"a NUL", query(rawName("evil\x00", "pypi", "test"), 1, 1), dnsmessage.RCodeFormatError, false, ""},
		{"a NUL at the end", query(rawName("pypi", "test\x00"), 1, 1), dnsmessage.RCodeFormatError, false, ""},
		{"a dot in a label", query(rawName("pypi.test"), 1, 1), dnsmessage.RCodeFormatError, false, ""},
		{"a space", query(rawName("pypi ", "test"), 1, 1), dnsmessage.RCodeFormatError, false, ""},
		{"a star", query(rawName("*", "test"), 1, 1), dnsmessage.RCodeFormatError, false, ""},
		{"other letters", query(rawName("pypı", "test"), 1, 1), dnsmessage.RCodeFormatError, false, ""},
		{"a number", query(rawName("127", "1"), 1, 1), dnsmessage.RCodeFormatError, false, ""},
		{"a hexadecimal number", query(rawName("0x7f000001"), 1, 1), dnsmessage.RCodeFormatError, false, ""},
		{"two questions", two, dnsmessage.RCodeFormatError, false, ""},
		{"a name that leads to itself", loop, dnsmessage.RCodeFormatError, false, ""},
		{"half a question", query(pypi, 1, 1)[:20], dnsmessage.RCodeFormatError, false, ""},
		{"another class", query(pypi, 1, 3), dnsmessage.RCodeRefused, false, ""},
		{"no query", status, dnsmessage.RCodeNotImplemented, false, ""},
	} {
		var asked []string
		var m dnsmessage.Message
		if err := m.Unpack(Answer(test.query, known(&asked))); err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		address := len(m.Answers) == 1 && m.Answers[0].Body.(*dnsmessage.AResource).A == [4]byte{198, 18, 0, 1}
		if m.ID != 0x1234 || !m.Response || m.RCode != test.code || address != test.address || !test.address && len(m.Answers) > 0 || strings.Join(asked, " ") != test.asked {
			t.Errorf("%s: %+v; asked for %q", test.name, m, asked)
		}
	}

	var asked []string
	response := query(pypi, 1, 1)
	response[2] |= 0x80
	for _, q := range [][]byte{nil, {1, 2, 3}, response} {
		if got := Answer(q, known(&asked)); got != nil || asked != nil {
			t.Errorf("%x is answered with %x", q, got)
		}
	}
}

// Go's own resolver understands the answers.
func TestResolverUnderstands(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		var asked []string
		b := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			conn.WriteTo(Answer(b[:n], known(&asked)), from)
		}
	}()

	r := net.Resolver{PreferGo: true, Dial: dialer(conn.LocalAddr().String())}
	if got, err := r.LookupHost(t.Context(), "pypi.test."); err != nil || !slices.Equal(got, []string{"198.18.0.1"}) {
		t.Errorf("%v, %v", got, err)
	}
	_, err = r.LookupHost(t.Context(), "evil.test.")
	if lookup, ok := err.(*net.DNSError); !ok || !lookup.IsNotFound {
		t.Errorf("another name: %v", err)
	}
}

func dialer(to string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, to)
	}
}

// No message makes it fail; only names of plain letters are looked up, and an answer
// is one to the question.
func FuzzAnswer(f *testing.F) {
	f.Add(query(rawName("pypi", "test"), 1, 1))
	f.Add(query(rawName("a\x00b"), 28, 1))
	f.Add(query([]byte{0xc0, 12}, 1, 1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, q []byte) {
		answer := Answer(q, func(name string) ([4]byte, bool) {
			if again, err := hostname.Name(name); err != nil || again != name {
				t.Fatalf("%q is looked up", name)
			}
			return [4]byte{}, len(name)%2 == 0
		})
		if answer == nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(answer); err != nil || !m.Response || !bytes.Equal(answer[:2], q[:2]) || len(m.Questions) > 1 || len(answer) > 512 {
			t.Fatalf("%x is answered with %x: %v", q, answer, err)
		}
	})
}
