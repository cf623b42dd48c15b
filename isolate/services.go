package isolate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"isolate-namespace/internal/door"
	"isolate-namespace/internal/hostname"
)

// A Service is something outside that a program reaches by TCP although its network
// is its own. It is at the same name, address and port inside.
type Service struct {
	// Host is a name, an address, or, where Public is set, a wildcard: *.NAME
	// stands for the names below NAME, and not for NAME itself.
	Host string
	Port int
	// Public means that the name must have a public address: connections to the
	// machine itself, private networks and reserved addresses are refused.
	Public bool
}

// ParseConnect reads HOST:PORT, a service of this machine or its network.
func ParseConnect(s string) (Service, error) {
	host, port, err := hostname.Split(s)
	if err == nil && port == 0 {
		err = errors.New("it is HOST:PORT")
	}
	service := Service{Host: host, Port: port}
	if err == nil {
		service, err = service.check()
	}
	return service, err
}

// ParseAllowHost reads NAME[:PORT], a public host, or *.NAME[:PORT]. Without a port
// there are two services, at ports 443 and 80.
func ParseAllowHost(s string) ([]Service, error) {
	host, port, err := hostname.Split(s)
	if err != nil {
		return nil, err
	}
	ports := []int{port}
	if port == 0 {
		ports = []int{443, 80}
	}
	var all []Service
	for _, port := range ports {
		service, err := Service{host, port, true}.check()
		if err != nil {
			return nil, err
		}
		all = append(all, service)
	}
	return all, nil
}

// check returns the service in its usual spelling, or what is wrong with it.
func (s Service) check() (Service, error) {
	var err error
	if s.Host, err = hostname.Host(s.Host, s.Public); err != nil {
		return s, err
	}
	if s.Port < 1 || s.Port > 65535 {
		return s, errors.New("a port is a number from 1 to 65535")
	}
	a, isAddress := hostname.ParseAddress(s.Host)
	local := s.Host == "localhost" || strings.HasSuffix(s.Host, ".localhost")
	switch {
	case s.Public && (isAddress || local):
		return s, errors.New("it isn't a public name; --connect " + hostname.Join(s.Host, s.Port) + " leads to a service of this machine or its network")
	case isAddress && (a == hostname.IPv4(0, 0, 0, 0) || a == hostname.Address{}):
		return s, errors.New("no service has this address; the machine itself is 127.0.0.1, [::1] or localhost")
	case isAddress && (a.Is4() && a[12] >= 224 || !a.Is4() && a[0] == 0xff):
		return s, errors.New("no service has this address")
	case a == resolverAddress && s.Port == resolverPort:
		return s, errors.New("the sandbox's own resolver has this address")
	}
	return s, nil
}

// Where names are looked up inside.
var resolverAddress = hostname.IPv4(127, 0, 0, 53)

const (
	resolverPort = 53

	// How many services there can be, and sockets for names below wildcards: with
	// the others they go out in one message, which can take 253 (unix(7)).
	mostServices = 120
	spareSockets = 128
)

// services checks the policy's, and returns each once.
func (p *Policy) services() ([]Service, error) {
	var all []Service
	for _, s := range p.Services {
		checked, err := s.check()
		if err != nil {
			return nil, &SetupError{Doing: "reach", Path: hostname.Join(s.Host, s.Port), Err: err}
		}
		same := func(other Service) bool { return other.Host == checked.Host && other.Port == checked.Port }
		if i := slices.IndexFunc(all, same); i >= 0 {
			all[i].Public = all[i].Public && checked.Public
		} else {
			all = append(all, checked)
		}
	}
	if len(all) > 0 && p.Network == NetworkHost {
		return nil, &SetupError{Doing: "reach", Path: hostname.Join(all[0].Host, all[0].Port), Kind: KindAllNetwork,
			Err: errors.New("the whole network of the machine is shared")}
	}
	if len(all) > mostServices {
		return nil, &SetupError{Doing: "reach", Path: hostname.Join(all[0].Host, all[0].Port),
			Err: fmt.Errorf("these are %d services, of which there can be %d", len(all), mostServices)}
	}
	return all, nil
}

// doors returns what is made inside for the services. Each name gets an address of its
// own, of a range that no network has (RFC 2544), in the order of the services.
func (p *Policy) doors() (doors []door.Door, err error) {
	services, err := p.services()
	if err != nil || services == nil {
		return nil, err
	}
	doors = []door.Door{{Kind: door.ResolverUDP}, {Kind: door.ResolverTCP}, {Kind: door.Watch4}}
	if hasIPv6() {
		doors = append(doors, door.Door{Kind: door.Watch6})
	}

	addresses, spare := newAddresses(services), 0
	for _, s := range services {
		if strings.HasPrefix(s.Host, "*") {
			doors = append(doors, door.Door{Kind: door.Below, Host: s.Host, Port: s.Port, Public: true})
			spare = spareSockets
			continue
		}
		for _, a := range addresses.of(s.Host) {
			doors = append(doors, door.Door{Kind: door.Listener, Address: a, Host: s.Host, Port: s.Port, Public: s.Public})
		}
	}
	if spare > 0 {
		doors = append(doors, door.Door{Kind: door.Spare, Count: spare})
	}
	return doors, nil
}

// addresses hands out addresses for names.
type addresses struct {
	names map[string]hostname.Address
	taken map[hostname.Address]bool
	last  int
}

func newAddresses(services []Service) *addresses {
	a := &addresses{map[string]hostname.Address{}, map[hostname.Address]bool{}, 0}
	for _, s := range services {
		if literal, ok := hostname.ParseAddress(s.Host); ok {
			a.taken[literal] = true
		}
	}
	return a
}

// of returns the addresses that a host has inside.
func (a *addresses) of(host string) []hostname.Address {
	if literal, ok := hostname.ParseAddress(host); ok {
		return []hostname.Address{literal}
	}
	if host == "localhost" {
		both := []hostname.Address{hostname.IPv4(127, 0, 0, 1)}
		if hasIPv6() {
			both = append(both, hostname.Address{15: 1})
		}
		return both
	}
	address, known := a.names[host]
	for !known {
		a.last++
		address = hostname.IPv4(198, 18, byte(a.last>>8), byte(a.last))
		known = !a.taken[address]
		a.names[host] = address
	}
	return []hostname.Address{address}
}

// serviceWords says what can be reached, each host with its ports.
func serviceWords(services []Service) string {
	var hosts []string
	ports := map[string][]string{}
	for _, s := range services {
		if ports[s.Host] == nil {
			hosts = append(hosts, s.Host)
		}
		ports[s.Host] = append(ports[s.Host], strconv.Itoa(s.Port))
	}
	for i, host := range hosts {
		if below, ok := strings.CutPrefix(host, "*."); ok {
			hosts[i] = "names below " + below
		}
		hosts[i] += " at port " + strings.Join(ports[host], " and ")
	}
	return strings.Join(hosts, ", ")
}
