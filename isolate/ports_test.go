package isolate

import (
	"os"
	"path/filepath"
	"runtime"
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

// A program with very many sockets doesn't make its caller read the whole table of them,
// of which the listeners come first.
func TestLongPortTable(t *testing.T) {
	dir := t.TempDir()
	const header, listener = "  sl  local_address rem_address   st\n", "   0: 0100007F:1F90 00000000:0000 0A\n"
	table := filepath.Join(dir, "tcp")
	if err := os.WriteFile(table, []byte(header+listener), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(table, 256<<20); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ports := readPorts(dir)
	runtime.ReadMemStats(&after)
	if !ports.has(address(t, "127.0.0.1:8080")) {
		t.Error("the first listener isn't known")
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
		t.Errorf("it takes %d MiB", took>>20)
	}
}
