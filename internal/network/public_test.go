package network

import (
	"net"
	"net/netip"
	"testing"
)

// What is this machine, its network or reserved is refused in every form.
func TestIsPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"93.184.216.34": true, "8.8.8.8": true, "172.15.0.1": true, "172.32.0.1": true, "100.63.0.1": true, "100.128.0.1": true, "192.0.1.1": true, "223.255.255.255": true,
		"2606:4700::1": true, "2a00::1": true, "2001:200::1": true, "2001:4860:4860::8888": true, "::ffff:8.8.8.8": true, "64:ff9b::8.8.8.8": true, "2002:808:808::1": true,
		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "100.64.0.1": false, "100.127.255.255": false, "127.0.0.1": false, "127.255.0.1": false, "169.254.169.254": false,
		"172.16.0.1": false, "172.31.255.255": false, "192.0.0.8": false, "192.0.2.1": false, "192.88.99.1": false, "192.168.1.1": false, "198.18.0.1": false, "198.19.255.255": false,
		"198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "239.1.1.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::127.0.0.1": false, "::8.8.8.8": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:0:8.8.8.8": false,
		"fe80::1": false, "fe80::1%lo": false, "fc00::1": false, "fd00:ec2::254": false, "fec0::1": false, "ff02::1": false, "ff0e::1": false,
		"100::1": false, "64:ff9b::127.0.0.1": false, "64:ff9b::10.0.0.1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::8.8.8.8": false,
		"2002:7f00:1::": false, "2002:a00:1::1": false, "2002:c0a8:101::1": false, "2001::1": false, "2001:0:7f00:1::": false, "2001:db8::1": false, "2001:2::1": false, "2001:10::1": false, "3fff::1": false,
		"2606:4700::5efe:10.0.0.1": false, "2606:4700::200:5efe:127.0.0.1": false, "2606:4700::5efe:8.8.8.8": true,
		"4000::1": false, "5f00::1": false,
	} {
		if got := isPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is public: %v", address, got)
		}
	}
}

// The machine's own addresses are known, so that a name that has one leads nowhere,
// however public the address is.
func TestIsOwn(t *testing.T) {
	own, err := net.InterfaceAddrs()
	if err != nil || len(own) == 0 {
		t.Fatal(own, err)
	}
	for _, o := range own {
		prefix := netip.MustParsePrefix(o.String())
		if prefix.Addr().Is4() {
			in6to4 := netip.AddrFrom16([16]byte(append(append([]byte{0x20, 0x02}, prefix.Addr().AsSlice()...), make([]byte, 10)...)))
			if !isOwn(in6to4) {
				t.Errorf("%s isn't known", in6to4)
			}
		}
		if !isOwn(prefix.Addr()) || prefix.Addr().Is4() && !isOwn(netip.AddrFrom16(prefix.Addr().As16())) {
			t.Errorf("%s isn't known", o)
		}
	}
	if !isOwn(netip.MustParseAddr("127.1.2.3")) {
		t.Error("an address that only a route leads here isn't known")
	}
	for _, other := range []string{"93.184.216.34", "2606:4700::1", "2002:5db8:d822::1"} {
		if isOwn(netip.MustParseAddr(other)) {
			t.Errorf("%s is", other)
		}
	}
}

// Packets to an address that no interface has can stay on the machine, too.
func TestLeadsHere(t *testing.T) {
	for address, want := range map[string]bool{
		"127.1.2.3": true, "255.255.255.255": true, "93.184.216.34": false, "2606:4700::1": false,
	} {
		got, err := leadsHere(netip.MustParseAddr(address))
		if got != want || err != nil {
			t.Errorf("%s: %v, %v", address, got, err)
		}
	}
}
