package isolate

import (
	"testing"

	"isolate-namespace/internal/hostname"
	"isolate-namespace/isolate/internal/listener"
)

func address(t *testing.T, s string) listener.Address {
	t.Helper()
	host, port, err := hostname.Split(s)
	ip, ok := hostname.ParseAddress(host)
	if err != nil || !ok {
		t.Fatalf("no address: %s", s)
	}
	return listener.Address{IP: ip, Port: uint16(port)}
}

func TestParsePort(t *testing.T) {
	for field, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"00000000:0016":                         "0.0.0.0:22",
		"00000000000000000000000001000000:1F90": "[::1]:8080",
		"0000000000000000FFFF00000100007F:1F90": "127.0.0.1:8080",
		"0100007F":                              "",
		"0100:1F90":                             "",
		"0100007F:1F900":                        "",
		"g100007F:1F90":                         "",
		"":                                      "",
	} {
		at, ok := parsePort(field)
		if ok != (want != "") || ok && at.String() != want {
			t.Errorf("%s: %v, %v; want %q", field, at, ok, want)
		}
	}
}

func TestPortTable(t *testing.T) {
	listens := portTable{}
	for _, at := range []string{"127.0.0.1:1", "0.0.0.0:2", "[::]:3", "[::1]:4"} {
		listens[address(t, at)] = true
	}
	for to, want := range map[string]bool{
		"127.0.0.1:1": true, "127.0.0.2:1": false, "0.0.0.0:1": true, "127.0.0.1:2": true, "127.0.0.5:2": true,
		"127.0.0.1:3": true, "[::1]:3": true, "[::1]:4": true, "[::]:4": true, "127.0.0.1:5": false, "[::1]:1": false,
	} {
		if got := listens.has(address(t, to)); got != want {
			t.Errorf("%s: %v, want %v", to, got, want)
		}
	}
}
