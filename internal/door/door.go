// Package door describes the sockets inside of a sandbox that are served outside: what
// isolate has made, in words that isolate-network reads as its arguments.
package door

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"isolate-namespace/internal/hostname"
)

// A Door is one socket of a sandbox's network, or several of a kind.
type Door struct {
	Kind    Kind
	Address hostname.Address // where a Listener listens
	Host    string           // what a Listener leads to, or a wildcard
	Port    int              // of both
	Public  bool             // Host must have a public address
	Count   int              // how many Spares
}

// A Kind says what a Door is for.
type Kind string

// The kinds of doors.
const (
	ResolverUDP Kind = "resolver-udp" // a bound datagram socket: queries for names
	ResolverTCP Kind = "resolver-tcp" // a listening socket: the same
	Watch4      Kind = "watch-4"      // a raw socket that receives attempts to connect to IPv4 addresses
	Watch6      Kind = "watch-6"
	Listener    Kind = "listen" // a listening socket that leads to Host
	Spare       Kind = "spare"  // sockets to listen on for names below wildcards
	Below       Kind = "below"  // no socket: a wildcard
)

// Sockets returns how many sockets the door is.
func (d Door) Sockets() int {
	switch d.Kind {
	case Spare:
		return d.Count
	case Below:
		return 0
	}
	return 1
}

// String returns the door as an argument.
func (d Door) String() string {
	reach := "any"
	if d.Public {
		reach = "public"
	}
	switch d.Kind {
	case Listener:
		return fmt.Sprintf("%s %s %s %d %s", d.Kind, d.Address, d.Host, d.Port, reach)
	case Below:
		return fmt.Sprintf("%s %s %d", d.Kind, d.Host, d.Port)
	case Spare:
		return fmt.Sprintf("%s %d", d.Kind, d.Count)
	}
	return string(d.Kind)
}

// Parse is the opposite of String.
func Parse(s string) (Door, error) {
	words := strings.Split(s, " ")
	d := Door{Kind: Kind(words[0])}
	ok := true
	switch {
	case d.Kind == Listener && len(words) == 5:
		d.Address, ok = hostname.ParseAddress(words[1])
		d.Host, d.Port, d.Public = words[2], number(words[3]), words[4] == "public"
	case d.Kind == Below && len(words) == 3:
		d.Host, d.Port, d.Public = words[1], number(words[2]), true
	case d.Kind == Spare && len(words) == 2:
		d.Count = number(words[1])
	default:
		ok = len(words) == 1 && (d.Kind == ResolverUDP || d.Kind == ResolverTCP || d.Kind == Watch4 || d.Kind == Watch6)
	}
	if !ok || d.String() != s {
		return d, errors.New("not a door")
	}
	return d, nil
}

func number(s string) int {
	n, _ := strconv.ParseUint(s, 10, 16)
	return int(n)
}
