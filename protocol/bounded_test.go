package protocol

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"testing"

	"github.com/go-zeromq/zmq4"
)

// frame is one of the size; with a body that is left out it only announces it.
func frame(flags byte, size uint64, body bool) []byte {
	out := []byte{flags, byte(size)}
	if flags&2 != 0 {
		out = binary.BigEndian.AppendUint64([]byte{flags}, size)
	}
	if body {
		out = append(out, make([]byte, size)...)
	}
	return out
}

func TestFrameFollower(t *testing.T) {
	const more, long, command = 1, 2, 4
	greeting := bytes.Repeat([]byte{0xff}, 64)
	cases := []struct {
		name   string
		frames [][]byte
		want   bool
	}{
		{"nothing", nil, true},
		{"short ones", [][]byte{frame(command, 25, true), frame(more, 255, true), frame(0, 0, true), frame(0, 1, true)}, true},
		{"as long as can be", [][]byte{frame(long, maxMessage, true), frame(long, maxMessage, true)}, true},
		{"one too long", [][]byte{frame(long, maxMessage+1, false)}, false},
		{"one of 2^62", [][]byte{frame(0, 3, true), frame(long, 1<<62, false)}, false},
		{"a command of 2^64-1", [][]byte{frame(long|command, 1<<64-1, false)}, false},
		{"too long together", [][]byte{frame(long|more, maxMessage-1, true), frame(0, 2, false)}, false},
		{"as long together as can be", [][]byte{frame(long|more, maxMessage-1, true), frame(0, 1, true), frame(0, 200, true)}, true},
		{"frames without end", [][]byte{bytes.Repeat(frame(more, 0, true), maxFrames+1)}, false},
		{"as many as can be", [][]byte{bytes.Repeat(frame(more, 0, true), maxFrames-1), frame(0, 0, true), frame(more, 1, true)}, true},
	}
	for _, c := range cases {
		stream := append(bytes.Clone(greeting), bytes.Join(c.frames, nil)...)
		for _, step := range []int{1, 7, len(stream)} {
			if step == 1 && len(stream) > 1<<20 {
				continue
			}
			f, got := frameFollower{}, true
			for rest := stream; len(rest) > 0 && got; {
				n := min(step, len(rest))
				got = f.follow(rest[:n])
				rest = rest[n:]
			}
			if got != c.want {
				t.Errorf("%s, read by %d: within bounds %v, want %v", c.name, step, got, c.want)
			}
		}
	}
}

func FuzzFrameFollower(f *testing.F) {
	f.Add(frame(1, 3, true))
	f.Add(frame(2, 1<<62, false))
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, split := frameFollower{greeted: 64}, frameFollower{greeted: 64}
		want, got := whole.follow(data), true
		for i := range data {
			got = got && split.follow(data[i:i+1])
		}
		if got != want || want && (whole.body > maxMessage || whole.size > maxMessage) {
			t.Errorf("whole: %v, byte by byte: %v, %+v", want, got, whole)
		}
	})
}

// A peer that announces a frame of 2^62 bytes loses its connection. With the
// library's own transport the process would end in its goroutine.
func TestHostilePeer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			greeting := make([]byte, 64)
			copy(greeting, "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL")
			conn.Write(greeting)
			conn.Write(append([]byte("\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"), frame(2, 1<<62, false)...))
		}
	}()
	port := l.Addr().(*net.TCPAddr).Port
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := Sockets{Shell: zmq4.NewDealer(ctx), IOPub: zmq4.NewDealer(ctx), Stdin: zmq4.NewDealer(ctx), Control: zmq4.NewDealer(ctx), Heartbeat: zmq4.NewDealer(ctx)}
	defer s.Close()
	c := &Connection{Transport: "tcp", IP: "127.0.0.1", Shell: port, IOPub: port, Stdin: port, Control: port, Heartbeat: port}
	if err := s.Open(c, zmq4.Socket.Dial); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Shell.Recv(); err == nil {
		t.Errorf("received %v", m)
	}
}
