package network

import (
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"isolate-namespace/internal/door"
	"isolate-namespace/internal/resolver"
)

// answerPackets answers queries one by one, to the end.
func (s *server) answerPackets(conn net.PacketConn) {
	query := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(query)
		if err != nil {
			if isPassing(err) {
				continue // an answer that nobody took, as of a client that has ended
			}
			return
		}
		if answer := resolver.Answer(query[:n], s.lookup); answer != nil {
			conn.WriteTo(answer, from)
		}
	}
}

// answerStreams answers queries that come by TCP, RFC 7766.
func (s *server) answerStreams(l net.Listener) {
	const clients, idle = 16, 10 * time.Second
	room := make(chan struct{}, clients)
	for {
		room <- struct{}{}
		conn, err := l.Accept()
		if err != nil {
			<-room
			if !isPassing(err) {
				return
			}
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go func() {
			defer func() { <-room }()
			defer conn.Close()
			for s.answerStream(conn, idle) {
			}
		}()
	}
}

// answerStream answers one query of a stream. It reports whether another may follow.
func (s *server) answerStream(conn net.Conn, idle time.Duration) bool {
	conn.SetDeadline(time.Now().Add(idle))
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return false
	}
	query := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, query); err != nil {
		return false
	}
	answer := resolver.Answer(query, s.lookup)
	if answer == nil {
		return false
	}
	_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	return err == nil
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
