package network

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// A proxyFunc returns the proxy for a service, or nil.
type proxyFunc func(to service) (*proxy, error)

// A proxy is the one through which this machine reaches the internet.
type proxy struct {
	place string // HOST:PORT
	user  *url.Userinfo
}

// proxyFromEnvironment follows HTTPS_PROXY and NO_PROXY.
func proxyFromEnvironment() proxyFunc {
	find := httpproxy.FromEnvironment().ProxyFunc()
	return func(to service) (*proxy, error) {
		found, err := find(&url.URL{Scheme: "https", Host: to.String()})
		if err != nil {
			return nil, errors.New("HTTPS_PROXY can't be read") // which may hold a password
		}
		if found == nil {
			return nil, nil
		}
		if found.Scheme != "http" {
			return nil, fmt.Errorf("HTTPS_PROXY names a proxy of kind %s, and only http can be used", found.Scheme)
		}
		port := found.Port()
		if port == "" {
			port = "80"
		}
		return &proxy{net.JoinHostPort(found.Hostname(), port), found.User}, nil
	}
}

// dial has the proxy connect to the host by its name, RFC 9110 section 9.3.6.
func (p *proxy) dial(ctx context.Context, to service) (_ *net.TCPConn, first []byte, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", p.place)
	if err != nil {
		return nil, nil, fmt.Errorf("the proxy: %s", why(err))
	}
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	if first, err = p.connect(conn, to); err != nil {
		conn.Close()
		return nil, nil, err
	}
	conn.SetDeadline(time.Time{})
	return conn.(*net.TCPConn), first, nil
}

// connect asks for a connection, and returns what of it came with the answer.
func (p *proxy) connect(conn net.Conn, to service) (first []byte, err error) {
	request := fmt.Sprintf("CONNECT %s HTTP/1.1\r\nHost: %s\r\n", to, to)
	if p.user != nil {
		password, _ := p.user.Password()
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(p.user.Username()+":"+password)) + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return nil, fmt.Errorf("the proxy: %s", why(err))
	}

	const most = 16 << 10
	reader := bufio.NewReaderSize(io.LimitReader(conn, most), most)
	status, err := reader.ReadString('\n')
	for line := status; err == nil && strings.TrimRight(line, "\r\n") != ""; {
		line, err = reader.ReadString('\n')
	}
	if err != nil {
		return nil, errors.New("the proxy gave no answer")
	}
	version, code, _ := strings.Cut(strings.TrimSpace(status), " ")
	if !strings.HasPrefix(version, "HTTP/1.") || !strings.HasPrefix(code, "2") {
		return nil, fmt.Errorf("the proxy answers %.60q", code)
	}
	first, _ = reader.Peek(reader.Buffered())
	return first, nil
}
