package network

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// proxyAt answers one CONNECT as it is told, and then copies back what it gets.
func proxyAt(t *testing.T, answer string) (place string, asked chan *http.Request) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	asked = make(chan *http.Request, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		asked <- r
		io.WriteString(c, answer)
		if strings.Contains(answer, " 200 ") {
			io.Copy(c, c)
		}
	}()
	return l.Addr().String(), asked
}

// The proxy gets the name and the password, and the program what the host says first.
func TestProxy(t *testing.T) {
	for _, test := range []struct{ name, variable, answer, first, err string }{
		{"yes", "http://user:pass%%20word@%s", "HTTP/1.1 200 OK\r\nA: b\r\n\r\nSSH-2.0", "SSH-2.0", ""},
		{"without a scheme", "%s", "HTTP/1.0 200 OK\r\n\r\n", "", ""},
		{"no", "http://%s", "HTTP/1.1 403 Forbidden\r\n\r\n", "", `the proxy answers "403 Forbidden"`},
		{"no answer", "http://%s", "", "", "the proxy gave no answer"},
		{"endless", "http://%s", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 10000), "", "the proxy gave no answer"},
		{"something else", "http://%s", "SSH-2.0-x\r\n\r\n", "", `the proxy answers ""`},
		{"another kind", "socks5://%s", "", "", "HTTPS_PROXY names a proxy of kind socks5, and only http can be used"},
	} {
		t.Run(test.name, func(t *testing.T) {
			place, asked := proxyAt(t, test.answer)
			t.Setenv("HTTPS_PROXY", fmt.Sprintf(test.variable, place))
			t.Setenv("NO_PROXY", "direct.test")
			find := proxyFromEnvironment()
			if p, err := find(service{"direct.test", 443, true}); p != nil || err != nil && test.err == "" {
				t.Errorf("for what NO_PROXY names: %v, %v", p, err)
			}
			p, err := find(service{"host.test", 443, true})
			var c net.Conn
			var first []byte
			if err == nil {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				c, first, err = p.dial(ctx, service{"host.test", 443, true})
			}
			if err != nil {
				if err.Error() != test.err {
					t.Errorf("%v, want %s", err, test.err)
				}
				return
			}

			r := <-asked
			user, password, _ := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth()
			if r.Method != "CONNECT" || r.Host != "host.test:443" || user != "" && user+":"+password != "user:pass word" || strings.Contains(test.variable, "@") != (user != "") {
				t.Errorf("%s %s of %s:%s", r.Method, r.Host, user, password)
			}
			rest := make([]byte, 2)
			io.WriteString(c, "hi")
			got := string(first)
			for len(got) < len(test.first)+2 {
				n, err := c.Read(rest)
				if err != nil {
					t.Fatal(err)
				}
				got += string(rest[:n])
			}
			if got != test.first+"hi" || test.err != "" {
				t.Errorf("then comes %q, want %q", got, test.first+"hi")
			}
		})
	}
}
