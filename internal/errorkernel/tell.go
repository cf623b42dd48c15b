package errorkernel

import (
	"context"
	"time"

	"github.com/go-zeromq/zmq4"

	"isolate-namespace/internal/protocol"
)

const (
	// patience is how long we wait for a front end to connect again to the ports
	// of a kernel that has ended. ZeroMQ tries every 0.1 to 0.2 s.
	patience = 2 * time.Second

	// others is how long we wait for more clients after the first.
	others = 250 * time.Millisecond

	// onItsWay is how long we wait for a published message to leave this process.
	onItsWay = 100 * time.Millisecond
)

// Tell shows the reason under the cell that a kernel was running when it ended:
// cell is the header of the front end's request. It returns when that is done,
// when no client has connected, or when ctx is done.
func Tell(ctx context.Context, c *protocol.Connection, why Reason, cell protocol.Header) error {
	s, err := listen(ctx, c)
	if err != nil {
		return err
	}
	defer s.Close()
	go echo(s.Heartbeat)
	end := time.Now().Add(patience)
	for len(s.IOPub.(zmq4.Topics).Topics()) == 0 {
		if time.Now().After(end) || !pause(ctx, 10*time.Millisecond) {
			return nil
		}
	}
	pause(ctx, others)
	err = s.publish(protocol.NewSession(), "error", cell, why.output())
	pause(ctx, onItsWay)
	return err
}

// pause returns false when ctx is done.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
