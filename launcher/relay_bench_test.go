package launcher

import (
	"io"
	"net"
	"testing"
)

// One message there and back, as a heartbeat is.
func BenchmarkRelayEcho(b *testing.B) {
	r := newBench(b)
	r.kernel(echo)
	conn := r.client()
	message := make([]byte, 500)
	for b.Loop() {
		if _, err := conn.Write(message); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, message); err != nil {
			b.Fatal(err)
		}
	}
}

// A kernel's output, read as fast as it comes.
func BenchmarkRelayOutput(b *testing.B) {
	r := newBench(b)
	r.kernel(func(conn *net.TCPConn) {
		defer conn.Close()
		chunk := make([]byte, 1<<20)
		for {
			if _, err := conn.Write(chunk); err != nil {
				return
			}
		}
	})
	conn := r.client()
	chunk := make([]byte, 1<<20)
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		if _, err := io.ReadFull(conn, chunk); err != nil {
			b.Fatal(err)
		}
	}
}
