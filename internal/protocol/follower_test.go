package protocol

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// ready is the first frame of a DEALER.
const ready = "\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"

// greeting returns what a peer says first.
func greeting() []byte {
	return append([]byte(ourGreeting), make([]byte, greetingSize-len(ourGreeting))...)
}

// presented returns the first frame of a peer with these properties.
func presented(properties ...string) string {
	body := "\x05READY"
	for i := 0; i < len(properties); i += 2 {
		name, value := properties[i], properties[i+1]
		body += string([]byte{byte(len(name))}) + name + string(binary.BigEndian.AppendUint32(nil, uint32(len(value)))) + value
	}
	return string([]byte{command, byte(len(body))}) + body
}

// follower returns one that a role's peer has greeted.
func follower(r *role) *frameFollower { return &frameFollower{role: r, greeting: greeting()} }

// frame returns one of the size; with a body that is left out it only announces it.
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
	maxMessage := requestRole.message
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
		stream := append(append(greeting(), ready...), bytes.Join(c.frames, nil)...)
		for _, step := range []int{1, 7, len(stream)} {
			if step == 1 && len(stream) > 1<<20 {
				continue
			}
			f, got := frameFollower{role: requestRole}, true
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
		{"an identity too", presented("Socket-Type", "DEALER", "Identity", "\xff\x00")[2:], true},
		{"an empty value", presented("Socket-Type", "DEALER", "a", "")[2:], true},
		{"no socket's type", "\x05READY", false},
		{"an unknown one", presented("Socket-Type", "EVIL")[2:], false},
		{"an empty one", presented("Socket-Type", "")[2:], false},
		{"one that isn't for us", presented("Socket-Type", "SUB")[2:], false},
		{"an unknown one after ours", presented("Socket-Type", "DEALER", "Socket-Type", "EVIL")[2:], false},
		{"another spelling", presented("socket-type", "DEALER")[2:], false},
		{"one that could become the name", presented("Socket-Type", "DEALER", "\u017focket-Type", "EVIL")[2:], false},
		{"a property without a name", presented("Socket-Type", "DEALER", "", "a")[2:], false},
		{"another command", "\x05HELLO" + ready[8:], false},
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
		whole, split := follower(requestRole), follower(requestRole)
		got := true
		for i := range stream {
			got = got && split.follow(stream[i:i+1])
		}
		if all := whole.follow(stream); all != c.want || got != c.want {
			t.Errorf("%s: %v, byte by byte %v, want %v", c.name, all, got, c.want)
		}
	}

	if f := follower(requestRole); f.follow(frame(2|4, maxReady+1, false)) {
		t.Error("one that is too long is waited for")
	}
}

func FuzzFrameFollower(f *testing.F) {
	f.Add([]byte(ready))
	f.Add([]byte("\x04\x07\x05READY\x01"))
	f.Add(append([]byte(ready), frame(1, 3, true)...))
	f.Add(append([]byte(ready), frame(2, 1<<62, false)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, split := follower(requestRole), follower(requestRole)
		want, got := whole.follow(data), true
		for i := range data {
			got = got && split.follow(data[i:i+1])
		}
		if got != want || want && (whole.body > requestRole.message || whole.size > requestRole.message) {
			t.Errorf("whole: %v, byte by byte: %v, %+v", want, got, whole)
		}
	})
}

func TestGreeting(t *testing.T) {
	with := func(at int, value byte) []byte {
		g := greeting()
		g[at] = value
		return g
	}
	for _, c := range []struct {
		name     string
		greeting []byte
		want     bool
	}{
		{"ours", greeting(), true},
		{"a newer version", with(10, 4), true},
		{"of ZeroMQ 4.3", with(11, 1), true},
		{"a server's", with(32, 1), true},
		{"an older version", with(10, 2), false},
		{"no signature", with(0, 'G'), false},
		{"half a signature", with(9, 0), false},
		{"encryption", append(append(greeting()[:12], "CURVE"...), make([]byte, 47)...), false},
		{"neither server nor client", with(32, 2), false},
	} {
		if got := (&frameFollower{role: requestRole}).follow(c.greeting); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// A front end subscribes to a kernel's output, and sends nothing else there.
func TestSubscriptions(t *testing.T) {
	subscription := []byte{0, 1, 1}
	for _, c := range []struct {
		name   string
		frames []byte
		want   bool
	}{
		{"to everything", subscription, true},
		{"to a topic and no more", []byte("\x00\x04\x01abc\x00\x04\x00abc"), true},
		{"as many as can be", bytes.Repeat(subscription, publishRole.topics), true},
		{"without end", bytes.Repeat(subscription, publishRole.topics+1), false},
		{"to a long topic", append([]byte{long, 0, 0, 0, 0, 0, 0, 1, 1}, make([]byte, maxTopic+1)...), false},
		{"a message", []byte("\x00\x02hi"), false},
		{"an empty message", []byte{0, 0}, false},
		{"of two frames", append([]byte{more, 1, 1}, subscription...), false},
		{"a command", []byte("\x04\x05\x04PING"), false},
	} {
		stream := append([]byte(presented("Socket-Type", "SUB")), c.frames...)
		if got := follower(publishRole).follow(stream); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
