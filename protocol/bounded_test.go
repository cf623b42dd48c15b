package protocol

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log"
	"net"
	"testing"

	"github.com/go-zeromq/zmq4"
)

// ready is the first frame of a DEALER.
const ready = "\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"

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
		stream := append(append(bytes.Clone(greeting), ready...), bytes.Join(c.frames, nil)...)
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

// The library takes what these announce for there, and panics.
func TestReady(t *testing.T) {
	cases := []struct {
		name, body string
		want       bool
	}{
		{"a socket's type", ready[2:], true},
		{"nothing but the name", "\x05READY", true},
		{"an empty value", "\x05READY\x01a\x00\x00\x00\x00", true},
		{"no name", "", false},
		{"half the name", "\x05REA", false},
		{"a property's length alone", "\x05READY\x01", false},
		{"no value", "\x05READY\x01a", false},
		{"half the value's length", "\x05READY\x01a\x00\x00\x00", false},
		{"half the value", "\x05READY\x01a\x00\x00\x00\x02b", false},
		{"a value of 2^32-1", "\x05READY\x01a\xff\xff\xff\xffb", false},
		{"a second that is cut off", ready[2:] + "\x0b", false},
	}
	for _, c := range cases {
		stream := append([]byte{4, byte(len(c.body))}, c.body...)
		whole, split := frameFollower{greeted: 64}, frameFollower{greeted: 64}
		got := true
		for i := range stream {
			got = got && split.follow(stream[i:i+1])
		}
		if all := whole.follow(stream); all != c.want || got != c.want {
			t.Errorf("%s: %v, byte by byte %v, want %v", c.name, all, got, c.want)
		}
	}
	f := frameFollower{greeted: 64}
	if f.follow(frame(2|4, maxReady+1, false)) {
		t.Error("one that is too long is waited for")
	}
}

func FuzzFrameFollower(f *testing.F) {
	f.Add([]byte(ready))
	f.Add([]byte("\x04\x07\x05READY\x01"))
	f.Add(append([]byte(ready), frame(1, 3, true)...))
	f.Add(append([]byte(ready), frame(2, 1<<62, false)...))
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
			conn.Write(append([]byte(ready), frame(2, 1<<62, false)...))
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

// A client that sends what can't be taken ends its own connection only.
func TestHostileClient(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	registerBounded()
	quiet := zmq4.WithLogger(log.New(io.Discard, "", 0))
	router := zmq4.NewRouter(ctx, quiet)
	defer router.Close()
	if err := router.Listen(schemePrefix + "tcp://127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"\x04\x07\x05READY\x01", ready + string(frame(2, 1<<62, false))} {
		hostile, err := net.Dial("tcp", router.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		greeting := make([]byte, 64)
		copy(greeting, "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL")
		hostile.Write(append(greeting, says...))
		io.Copy(io.Discard, hostile) // until it is ended
		hostile.Close()
	}
	dealer := zmq4.NewDealer(ctx, quiet)
	defer dealer.Close()
	if err := dealer.Dial("tcp://" + router.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if err := dealer.Send(zmq4.NewMsgString("good")); err != nil {
		t.Fatal(err)
	}
	if m, err := router.Recv(); err != nil || string(m.Frames[1]) != "good" {
		t.Errorf("received %v, %v", m, err)
	}
}
