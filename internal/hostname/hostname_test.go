package hostname

import (
	"net/netip"
	"strings"
	"testing"
)

// What is no name, or is one to some and an address to others, is refused.
func TestHost(t *testing.T) {
	long := strings.Repeat("a", 63)
	for host, want := range map[string]string{
		"pypi.org": "pypi.org", "PyPI.Org.": "pypi.org", "db": "db", "a_b-c.x1": "a_b-c.x1", "xn--bcher-kva.example": "xn--bcher-kva.example",
		"*.example.org": "*.example.org", "*.Example.ORG.": "*.example.org", long + ".a": long + ".a",
		"127.0.0.1": "127.0.0.1", "::1": "::1", "2001:DB8:0:0:0:0:0:1": "2001:db8::1", "fe80::1": "fe80::1",
		"": "", ".": "", "..": "", "a..b": "", ".a": "", "a..": "", long + "a.b": "", strings.Repeat("a.", 127) + "a": "",
		"evil\x00.google.com": "", "evil .google.com": "", "a\n.b": "", "bücher.example": "", "a/b": "", "a@b": "", "a%00b": "", "ﬀ.example": "",
		"0x7f.1": "", "127.1": "", "2130706433": "", "0177.0.0.1": "", "127.0.0.01": "", "1.2.3.4.5": "", "256.1.1.1": "", "a.0x10": "", "a.0x": "", "127.0.0.1.": "",
		"*": "", "*.": "", "a.*": "", "*.*.a": "", "**.a": "", "*a.b": "", "*.127.1": "",
		"::ffff:127.0.0.1": "", "::ffff:7f00:1": "", "fe80::1%eth0": "", "1::2::3": "", ":::": "", "[::1]": "", "::1.2.3.4:5": "",
	} {
		got, err := Host(host, true)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", host, got, err, want)
		}
	}
	if got, err := Host("*.example.org", false); err == nil {
		t.Errorf("a wildcard is %q where there is none", got)
	}
}

func TestSplit(t *testing.T) {
	for s, want := range map[string]struct {
		host string
		port int
	}{
		"a:1": {"a", 1}, "a:65535": {"a", 65535}, "a": {"a", 0}, "[::1]:5432": {"::1", 5432}, "[::1]": {"::1", 0}, "127.0.0.1:80": {"127.0.0.1", 80},
		"a:": {}, "a:0": {}, "a:65536": {}, "a:+1": {}, "a:01": {}, "a:1 ": {}, "a:1:2": {}, "::1": {}, "::1:80": {}, "[::1": {}, "[::1]80": {}, "[a]:1": {},
		"[::1]:": {}, "a:http": {}, "[[::1]]:1": {"[::1", 0}, "a:-1": {}, "a:0x1": {},
	} {
		host, port, err := Split(s)
		if s == "[[::1]]:1" {
			if err == nil {
				t.Errorf("%q is %q, %d", s, host, port)
			}
			continue
		}
		if host != want.host || port != want.port || (err == nil) != (want.host != "") {
			t.Errorf("%q is %q, %d, %v; want %q, %d", s, host, port, err, want.host, want.port)
		}
		if err == nil && port != 0 && Join(host, port) != s {
			t.Errorf("%q becomes %q", s, Join(host, port))
		}
	}
}

// A wildcard stands for what is below it, label by label.
func TestIsBelow(t *testing.T) {
	for name, want := range map[string]bool{
		"a.wild.test": true, "a.b.wild.test": true, "wild.test": false, "evilwild.test": false, "a.wild.test.evil": false, "test": false, "": false, ".wild.test": false,
	} {
		if got := IsBelow(name, "*.wild.test"); got != want {
			t.Errorf("%q below *.wild.test: %v", name, got)
		}
	}
	if IsBelow("a.b", "b") || IsBelow("a", "a") {
		t.Error("something is below a name without *")
	}
}

// Addresses are those of net/netip; names are what they were, in lower case.
func FuzzHost(f *testing.F) {
	for _, s := range []string{"a.b", "*.a", "127.0.0.1", "::", "1::", "::ffff:1.2.3.4", "2001:db8::1:0:0:1", "0:0:1::", "1:2:3:4:5:6:7::", "64:ff9b::1.2.3.4", "a\x00.b", "0x7f.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		theirs, err := netip.ParseAddr(s)
		ours, ok := ParseAddress(s)
		if ok != (err == nil && theirs.Zone() == "") {
			t.Fatalf("%q: an address %v, and to netip %v", s, ok, err)
		}
		if ok && (ours != Address(theirs.As16()) || ours.String() != theirs.Unmap().String()) {
			t.Fatalf("%q: %s, and to netip %s", s, ours, theirs)
		}
		host, err := Host(s, true)
		if err != nil {
			return
		}
		if again, err := Host(host, true); again != host || err != nil {
			t.Fatalf("%q becomes %q, and that %q, %v", s, host, again, err)
		}
		if _, isAddress := ParseAddress(host); !isAddress && !strings.EqualFold(host, strings.TrimSuffix(s, ".")) {
			t.Fatalf("%q becomes %q", s, host)
		}
	})
}
