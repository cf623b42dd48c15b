package door

import (
	"testing"

	"isolate-namespace/internal/hostname"
)

// What one side writes is what the other reads.
func TestDoors(t *testing.T) {
	for _, d := range []Door{
		{Kind: ResolverUDP}, {Kind: ResolverTCP}, {Kind: Watch4}, {Kind: Watch6}, {Kind: Spare, Count: 128},
		{Kind: Listener, Address: hostname.IPv4(127, 0, 0, 1), Host: "localhost", Port: 5432},
		{Kind: Listener, Address: hostname.Address{15: 1}, Host: "::1", Port: 1},
		{Kind: Listener, Address: hostname.IPv4(198, 18, 0, 1), Host: "pypi.org", Port: 443, Public: true},
		{Kind: Below, Host: "*.wild.test", Port: 65535, Public: true},
	} {
		if got, err := Parse(d.String()); got != d || err != nil {
			t.Errorf("%q is read as %+v, %v", d, got, err)
		}
	}
	for _, s := range []string{"", "listen", "listen 1.2.3 a 1 any", "listen 1.2.3.4 a 1 all", "spare", "spare x", "watch-4 1", "below *.a", "door"} {
		if d, err := Parse(s); err == nil {
			t.Errorf("%q is read as %+v", s, d)
		}
	}
}

func TestRefusals(t *testing.T) {
	r := Refusal{NotPublic, "db.test:443", "10.0.0.1"}
	if got, err := ParseRefusal(r.String()); got != r || err != nil {
		t.Errorf("%q is read as %+v, %v", r, got, err)
	}
	r.Detail = "two\tlines\n"
	if got, err := ParseRefusal(r.String()); got.Detail != "two lines " || err != nil {
		t.Errorf("%q is read as %+v, %v", r, got, err)
	}
	if _, err := ParseRefusal("a panic"); err == nil {
		t.Error("anything is read")
	}
}
