package network

import (
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/door"
	"isolate-namespace/internal/hostname"
)

// names are the hosts that the program reaches, each at an address of its own. A name
// below a wildcard gets the next one when it is first asked for, and no address ever
// means another name.
type names struct {
	byName  map[string]netip.Addr
	byPlace map[netip.AddrPort]bool // where something listens
	byAddr  map[netip.Addr]string
	below   []service // wildcards
	spare   []int     // sockets for names below them
	last    int
	bind    func(fd int, at netip.AddrPort) error
	listen  func(fd int, to service)
}

func newNames() *names {
	return &names{byName: map[string]netip.Addr{}, byPlace: map[netip.AddrPort]bool{}, byAddr: map[netip.Addr]string{}, bind: bind}
}

// add takes a listener that init has made.
func (n *names) add(d door.Door) {
	a := netip.AddrFrom16(d.Address).Unmap()
	n.byPlace[netip.AddrPortFrom(a, uint16(d.Port))] = true
	if _, isAddress := hostname.ParseAddress(d.Host); isAddress || d.Host == "localhost" {
		return
	}
	n.byName[d.Host], n.byAddr[a] = a, d.Host
}

// lookup returns the address of a name inside, and whether it has none only because
// there are too many.
func (n *names) lookup(name string) (a netip.Addr, ok, full bool) {
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), true, false
	}
	if a, ok := n.byName[name]; ok {
		return a, true, false
	}
	var to []service
	for _, wildcard := range n.below {
		if hostname.IsBelow(name, wildcard.host) {
			to = append(to, service{name, wildcard.port, true})
		}
	}
	if len(to) == 0 {
		return a, false, false
	}
	if len(to) > len(n.spare) {
		return a, false, true
	}
	return n.settle(name, to)
}

// settle gives a name an address and listens there.
func (n *names) settle(name string, to []service) (a netip.Addr, ok, full bool) {
	for ok := false; !ok; {
		n.last++
		a = netip.AddrFrom4([4]byte{198, 19, byte(n.last >> 8), byte(n.last)})
		ok = !n.taken(a)
	}
	sockets := n.spare[:len(to)]
	n.spare = n.spare[len(to):]
	for i, fd := range sockets {
		place := netip.AddrPortFrom(a, uint16(to[i].port))
		if n.bind(fd, place) != nil {
			return a, false, true
		}
		n.listen(fd, to[i])
		n.byPlace[place] = true
	}
	n.byName[name], n.byAddr[a] = a, name
	return a, true, false
}

// bind has a socket of the sandbox's listen. Binding it takes no privilege in there but
// that of the user who has made the sandbox (user_namespaces(7)).
func bind(fd int, at netip.AddrPort) error {
	const queue = 256
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		return err
	}
	return unix.Listen(fd, queue)
}

// taken reports whether something is at an address already.
func (n *names) taken(a netip.Addr) bool {
	for place := range n.byPlace {
		if place.Addr() == a {
			return true
		}
	}
	return false
}

// at returns the name at an address, or "", and whether something listens at the port.
func (n *names) at(place netip.AddrPort) (name string, listens bool) {
	return n.byAddr[place.Addr()], n.byPlace[place]
}
