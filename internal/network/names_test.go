package network

import (
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/door"
	"isolate-namespace/internal/hostname"
)

// Each name has one address and keeps it, two have never the same one, and when the
// sockets are used up the next name has none.
func TestNames(t *testing.T) {
	n := newNames()
	n.add(door.Door{Kind: door.Listener, Address: hostname.IPv4(198, 18, 0, 1), Host: "a.test", Port: 443})
	n.add(door.Door{Kind: door.Listener, Address: hostname.IPv4(198, 19, 0, 2), Host: "198.19.0.2", Port: 443})
	n.below = []service{{"*.w.test", 1443, true}, {"*.w.test", 1080, true}, {"*.b.w.test", 2000, true}}
	n.spare = []int{100, 101, 102, 103, 104, 105, 106, 107}
	var listening []string
	n.bind = func(fd int, at netip.AddrPort) error { return nil }
	n.listen = func(fd int, to service) { listening = append(listening, fmt.Sprint(fd, " ", to)) }

	for _, test := range []struct {
		name, address string
		full          bool
	}{
		{"a.test", "198.18.0.1", false}, {"x.a.test", "", false}, {"w.test", "", false}, {"evilw.test", "", false}, {"localhost", "127.0.0.1", false}, {"x.localhost", "127.0.0.1", false},
		{"x.w.test", "198.19.0.1", false}, {"x.w.test", "198.19.0.1", false}, {"y.w.test", "198.19.0.3", false}, {"x.b.w.test", "198.19.0.4", false},
		{"y.b.w.test", "", true}, {"z.w.test", "", true}, {"x.w.test", "198.19.0.1", false}, {"b.test", "", false},
	} {
		a, ok, full := n.lookup(test.name)
		if ok != (test.address != "") || ok && a.String() != test.address || full != test.full {
			t.Errorf("%s: %v, %v, %v; want %s, %v", test.name, a, ok, full, test.address, test.full)
		}
	}
	want := "[100 x.w.test:1443 101 x.w.test:1080 102 y.w.test:1443 103 y.w.test:1080 104 x.b.w.test:1443 105 x.b.w.test:1080 106 x.b.w.test:2000]"
	if got := fmt.Sprint(listening); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A raw socket's packets say where they go, whatever they contain.
func FuzzDestination(f *testing.F) {
	f.Add([]byte{0x45, 19: 1, 22: 1, 23: 187}, []byte{}, true)
	f.Add([]byte{0x4f, 19: 1}, []byte{}, true)
	f.Add([]byte{0, 0, 1, 187}, pktinfo(), false)
	f.Fuzz(func(t *testing.T, packet, control []byte, four bool) {
		kind := door.Watch6
		if four {
			kind = door.Watch4
		}
		if place, ok := destination(kind, packet, control); ok && place.Addr().Is4() != four {
			t.Fatalf("%v", place)
		}
	})
}

// pktinfo is a control message as ipv6(7) describes it.
func pktinfo() []byte {
	b := make([]byte, unix.CmsgSpace(20))
	copy(b, []byte{36, 0, 0, 0, 0, 0, 0, 0, unix.IPPROTO_IPV6, 0, 0, 0, unix.IPV6_PKTINFO, 0, 0, 0, 0x20, 1, 0xd, 0xb8})
	return b
}

func TestDestination(t *testing.T) {
	packet := make([]byte, 44)
	copy(packet, []byte{0x46, 16: 93, 184, 216, 34, 24: 0, 0, 1, 187})
	if place, ok := destination(door.Watch4, packet, nil); !ok || place.String() != "93.184.216.34:443" {
		t.Errorf("%v, %v", place, ok)
	}
	if place, ok := destination(door.Watch6, []byte{0, 0, 1, 187}, pktinfo()); !ok || place.String() != "[2001:db8::]:443" {
		t.Errorf("%v, %v", place, ok)
	}
}
