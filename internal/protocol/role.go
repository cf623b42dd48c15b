package protocol

import (
	"slices"

	"github.com/go-zeromq/zmq4"
)

// A role is what may come to a socket of ours. A peer may be hostile, and the
// ZeroMQ library isn't made for that: it panics at a type of socket that it
// doesn't know, believes how long a frame is said to be, and keeps every
// subscription. So connections of ours end before it sees such a thing.
type role struct {
	name    string   // of the transport
	peers   []string // the types of socket that may be at the other end
	message uint64   // bytes of a message's frames
	topics  int      // subscriptions and their ends in all, and nothing else; 0: messages of any kind
}

const (
	maxFrames = 1000 // of one message
	maxReady  = 4096 // bytes of the first frame, in which the peer presents itself
	maxTopic  = 256  // bytes of a subscription
)

// Request and reply sockets of the other side are what RFC 28 of ZeroMQ lets
// them talk to.
var (
	// Cells come here, the largest thing that a front end sends.
	requestRole = &role{name: "request", peers: []string{"REQ", "DEALER", "ROUTER"}, message: 1 << 20}

	// A heartbeat is a few bytes, and we ask for no input.
	smallRole = &role{name: "small", peers: []string{"REQ", "DEALER", "ROUTER"}, message: 4 << 10}

	// A front end subscribes once, to everything.
	publishRole = &role{name: "publish", peers: []string{"SUB", "XSUB"}, message: maxTopic, topics: 100}

	// What a kernel sends to verify and rehearse: far more than a probe prints, and
	// more than a notebook's plots have.
	dealerRole    = &role{name: "dealer", peers: []string{"REP", "DEALER", "ROUTER"}, message: 8 << 20}
	subscribeRole = &role{name: "subscribe", peers: []string{"PUB", "XPUB"}, message: 64 << 20}
	reqRole       = &role{name: "req", peers: []string{"REP", "ROUTER"}, message: 8 << 20}
)

// roleOf returns the role of a channel's socket, by the type that it has on its side.
func roleOf(kind zmq4.SocketType, small bool) *role {
	switch kind {
	case zmq4.Router:
		if small {
			return smallRole
		}
		return requestRole
	case zmq4.XPub:
		return publishRole
	case zmq4.Sub:
		return subscribeRole
	case zmq4.Req:
		return reqRole
	}
	return dealerRole
}

func (r *role) admits(socketType string) bool { return slices.Contains(r.peers, socketType) }
