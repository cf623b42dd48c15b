package peer

import (
	"net"
	"os"
	"slices"
	"testing"
)

func TestParseLine(t *testing.T) {
	const line = "   1: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 31415 1 0000000000000000 20 4 30 10 -1"
	tests := []struct {
		name, line, from, to string
		want                 socket
		found                bool
	}{
		{"the one", line, "0100007F:9C40", "0100007F:1F90", socket{1, 1000, 31415}, true},
		{"its other end", line, "0100007F:1F90", "0100007F:9C40", socket{}, false},
		{"another port", line, "0100007F:9C41", "0100007F:1F90", socket{}, false},
		{"the heading", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode", "local_address", "rem_address", socket{}, false},
		{"cut off", line[:60], "0100007F:9C40", "0100007F:1F90", socket{}, false},
		{"nothing", "", "", "", socket{}, false},
	}
	for _, test := range tests {
		got, found := parseLine([]byte(test.line), test.from, test.to)
		if got != test.want || found != test.found {
			t.Errorf("%s: %+v, %v", test.name, got, found)
		}
	}
}

func TestMapped(t *testing.T) {
	for text, want := range map[string]uint64{
		"         0          0 4294967295\n":                        allUsers,
		"         0       1000          1\n":                        1,
		"         0       1000          1\n 1 100000 65536\n":       65537,
		"         0 0 2147483648\n2147483648 2147483648 2147483647": allUsers,
		"":           0,
		"0 0 many\n": 0,
	} {
		if got := mapped(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestParseStatus(t *testing.T) {
	parent, users := parseStatus("Name:\tUid: 7 7 7 7\nPPid:\t4321\nUid:\t1000\t998\t997\t996\nGid:\t1\t1\t1\t1\n")
	if parent != 4321 || !slices.Equal(users, []uint32{1000, 998}) {
		t.Errorf("%d, %v", parent, users)
	}
}

func TestUsersAbove(t *testing.T) {
	above := usersAbove()
	_, parents, err := readStatus(os.Getppid())
	if err != nil || len(above) < 4 {
		t.Fatalf("only our parent's users are: %v, %v", above, err)
	}
	if !slices.Equal(above[:2], parents) {
		t.Errorf("our parent's users are %v, the first of all %v", parents, above)
	}
}

func BenchmarkAdmit(b *testing.B) {
	b.Run("diag", func(b *testing.B) { benchmarkFind(b, ways()[0].guard()) })
	b.Run("tables", func(b *testing.B) { benchmarkFind(b, ways()[1].guard()) })
	b.Run("users above", func(b *testing.B) {
		for b.Loop() {
			usersAbove()
		}
	})
}

func benchmarkFind(b *testing.B, g *Guard) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()

	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()

	conn, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()

	for b.Loop() {
		if err := admit(g, conn); err != nil {
			b.Fatal(err)
		}
	}
}
