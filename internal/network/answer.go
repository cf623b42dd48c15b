package network

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/door"
	"isolate-namespace/internal/resolver"
)

// answerPacket answers one query. It reports whether there was a packet.
func (s *server) answerPacket(fd int) bool {
	n, from, err := unix.Recvfrom(fd, s.buffer[:4096], 0)
	if err != nil {
		return waits(err) // an answer that nobody took, as of a client that has ended
	}
	if answer := resolver.Answer(s.buffer[:n], s.lookup); answer != nil {
		unix.Sendto(fd, answer, 0, from)
	}
	return true
}

// waits reports whether a socket that failed may have something else.
func waits(err error) bool { return err != unix.EAGAIN && err != unix.EBADF && err != unix.EINVAL }

// A stream is a client of the resolver's that asks by TCP, RFC 7766.
type stream struct {
	*source
	query []byte
}

// mostStreams is how many there can be. The oldest makes room for a newer one.
const mostStreams = 16

// acceptStream accepts one. It reports whether another may wait.
func (s *server) acceptStream(listener int) bool {
	fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return waits(err)
	}
	if len(s.streams) == mostStreams {
		s.endStream(s.streams[0])
	}
	t := &stream{}
	t.source = newSource(s.loop, fd, func() bool { return s.answerStream(t) })
	s.streams = append(s.streams, t)
	t.begin()
	return true
}

// answerStream reads once and answers the queries that are whole. It reports whether
// there was something.
func (s *server) answerStream(t *stream) bool {
	n, err := unix.Read(t.FD, s.buffer[:4096])
	if err == unix.EAGAIN {
		return false
	}
	if n <= 0 || err != nil {
		s.endStream(t)
		return false
	}
	t.query = append(t.query, s.buffer[:n]...)
	for len(t.query) >= 2 {
		size := 2 + int(binary.BigEndian.Uint16(t.query))
		if len(t.query) < size {
			break
		}
		answer := resolver.Answer(t.query[2:size], s.lookup)
		t.query = t.query[size:]
		whole := append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)
		// A client that doesn't take its answers gets no more.
		if n, err := unix.Write(t.FD, whole); answer == nil || err != nil || n < len(whole) {
			s.endStream(t)
			return false
		}
	}
	return true
}

func (s *server) endStream(t *stream) {
	t.end()
	s.streams = slices.DeleteFunc(s.streams, func(other *stream) bool { return other == t })
}

// lookup is for Answer. It tells which names are refused.
func (s *server) lookup(name string) ([4]byte, bool) {
	a, ok, full := s.names.lookup(name)
	switch {
	case ok:
		return a.As4(), true
	case full:
		s.teller.tell(door.NoMoreNames, name, strconv.Itoa(len(s.names.byName)))
	case !strings.HasSuffix(name, ".arpa"): // the name of an address, which nobody needs
		s.teller.tell(door.NotAllowed, name, "")
	}
	return [4]byte{}, false
}
