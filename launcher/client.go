package launcher

import (
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/flow"
)

// A connection is that of one client, and its counterpart inside.
type connection struct {
	*flow.Pair
	door     *door
	greeting bool      // it is in its door's list of the same name
	joined   time.Time // when the kernel got it; zero while it is held
}

func newConnection(d *door, fd int) *connection {
	c := &connection{Pair: flow.NewPair(fd), door: d}
	if d.cell != nil {
		c.Down.Seen = d.cell.watch
	}
	return c
}

// connect reports whether the kernel's socket has taken the connection.
func (c *connection) connect() bool {
	if c.Server.FD < 0 {
		fd, err := c.door.dial()
		if err != nil {
			return false
		}
		c.Server.FD = fd
		if c.door.inside == nil {
			return true
		}
	}

	// The first call starts an attempt, or returns the result of the last one; on
	// the loopback interface the attempt has ended by the second call.
	for range 2 {
		switch err := unix.Connect(c.Server.FD, c.door.inside); err {
		case nil, unix.EISCONN:
			return true
		case unix.EINPROGRESS:
		default:
			return false
		}
	}

	return false
}
