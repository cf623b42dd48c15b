package network

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"isolate-namespace/internal/door"
	"isolate-namespace/internal/hostname"
)

// dialTimeout is how long making a connection outside may take.
const dialTimeout = 30 * time.Second

// A service is what a socket inside leads to.
type service struct {
	host   string
	port   int
	public bool
}

func (s service) String() string { return hostname.Join(s.host, s.port) }

// dial makes the connection outside, and returns what a proxy has sent of it already. The
// host is resolved each time.
func (s *server) dial(ctx context.Context, c *connection) (conn *net.TCPConn, first []byte, err error) {
	if c.to.public {
		proxy, err := s.proxy(c.to)
		if err != nil {
			return nil, nil, err
		}
		if proxy != nil {
			return proxy.dial(ctx, c.to)
		}
	}

	dialer := net.Dialer{Resolver: &net.Resolver{PreferGo: true}}
	if c.to.public {
		dialer.ControlContext = onlyPublic
	}
	for _, host := range c.hosts() {
		var conn net.Conn
		if conn, err = dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(c.to.port))); err == nil {
			return conn.(*net.TCPConn), nil, nil
		}
	}
	return nil, nil, err
}

// hosts returns what to dial, in this order.
func (c *connection) hosts() []string {
	if c.to.host == "localhost" {
		// A client inside takes the first address that answers, and both do.
		if c.six {
			return []string{"::1", "127.0.0.1"}
		}
		return []string{"127.0.0.1", "::1"}
	}
	if _, isAddress := hostname.ParseAddress(c.to.host); !isAddress && strings.Contains(c.to.host, ".") {
		return []string{c.to.host + "."} // as it is, and in no domain of the resolver's search list
	}
	return []string{c.to.host}
}

// A notPublicError is the error for an address that a public host may not have.
type notPublicError struct{ address netip.Addr }

func (e *notPublicError) Error() string { return e.address.String() + " isn't public" }

// onlyPublic refuses to connect to an address, after the name was resolved to it.
func onlyPublic(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !isPublic(to.Addr()) || isOwn(to.Addr()) {
		return &notPublicError{to.Addr()}
	}
	return nil
}

// tellWhy tells that a connection could not be made.
func (s *server) tellWhy(to service, err error) {
	var private *notPublicError
	if errors.As(err, &private) {
		s.teller.tell(door.NotPublic, to.String(), private.address.String())
		return
	}
	s.teller.tell(door.Unreachable, to.String(), why(err))
}

// why returns the cause of an error of package net, in few words.
func why(err error) string {
	var lookup *net.DNSError
	var errno syscall.Errno
	switch {
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return "no such name"
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in " + dialTimeout.String()
	case errors.As(err, &lookup):
		return "the name can't be resolved: " + lookup.Err
	case errors.As(err, &errno):
		return errno.Error()
	}
	return err.Error()
}
