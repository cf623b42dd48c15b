// Package peer finds out which user has the other end of a connection. It gives a
// TCP port what a Unix socket has by its file mode: only programs of the same user
// reach it.
//
// The launcher uses it, so it needs neither package net nor encoding/json.
package peer

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrGone is the error for a connection whose other end nobody holds any more.
// There is nobody to refuse, so it needs no message.
var ErrGone = errors.New("the client has closed its end")

// A ForeignUserError is the error for a connection of a user who may not
// connect.
type ForeignUserError struct {
	User uint32 // as this user namespace numbers it
	// Anybody: the number stands for every user who has none in this namespace.
	Anybody bool
}

func (e *ForeignUserError) Error() string {
	whose := fmt.Sprint("user ", e.User)
	if e.Anybody {
		whose += ", who is anybody without a number in this user namespace,"
	}
	return "a connection of " + whose + " to the kernel's ports was refused"
}

// A Guard decides who may connect to listening sockets of ours: a client on
// another machine, or one on this machine whose socket belongs to our user, to
// root, or to a user of one of the processes above ours. A gateway that starts
// kernels for other users is among the last.
//
// Its zero value is ready. It may be used by several goroutines.
type Guard struct {
	mu    sync.Mutex
	diag  netlink
	route netlink
	// diagWorks distinguishes "no such socket" from "no module for this query",
	// which have the same error number.
	diagWorks bool
	users     users
}

// Admit returns nil if the client of an accepted stream socket may stay, ErrGone
// or a *ForeignUserError if not, and any other error if its user can't be found
// out: then it may not stay either. It doesn't close the socket.
func (g *Guard) Admit(fd int) error {
	g.mu.Lock()
	defer g.mu.Unlock()

	remote, err := unix.Getpeername(fd)
	if err != nil {
		return ErrGone // a connection that was reset has no peer
	}

	switch remote := remote.(type) {
	case *unix.SockaddrUnix:
		return g.admitUnix(fd)
	case *unix.SockaddrInet4:
		return g.admitTCP(fd, address{remote.Addr, uint16(remote.Port)})
	}
	return unknown(errors.New("its address is neither of IPv4 nor a path"))
}

// unknown is the error for a connection whose user can't be found out.
func unknown(err error) error {
	return fmt.Errorf("a connection to the kernel's ports was refused: whose it is can't be found out: %w", err)
}

// Close gives back what the guard holds open.
func (g *Guard) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.diag.close()
	g.route.close()
}

func (g *Guard) admitUnix(fd int) error {
	credentials, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return unknown(os.NewSyscallError("getsockopt SO_PEERCRED", err))
	}
	return g.users.check(credentials.Uid)
}

func (g *Guard) admitTCP(fd int, remote address) error {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return unknown(os.NewSyscallError("getsockname", err))
	}
	inet, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return unknown(unix.EAFNOSUPPORT)
	}
	local := address{inet.Addr, uint16(inet.Port)}

	if !g.isOurs(remote.ip, local.ip) {
		return nil
	}
	socket, err := g.find(remote, local)
	if err != nil {
		return unknown(err)
	}
	if !socket.held() {
		return ErrGone
	}

	// The client may have reset this connection, and another client taken its
	// port, before we looked. While our end is established, so is the one that
	// belongs to it, and two clients can't have one port at a time.
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return unknown(os.NewSyscallError("getsockopt TCP_INFO", err))
	}
	if info.State != established {
		return ErrGone
	}
	return g.users.check(socket.user)
}

// isOurs reports whether an address is one of this machine's, by what the kernel
// itself would do with a packet to it. Where that can't be found out the answer
// is yes: then the client has to be found here.
func (g *Guard) isOurs(ip, local [4]byte) bool {
	if ip[0] == 127 || ip == local {
		return true
	}
	here, err := g.route.isLocal(ip)
	return here || err != nil
}

// find looks up the socket at remote that is connected to local.
func (g *Guard) find(remote, local address) (socket, error) {
	s, err := g.diag.socket(remote, local)
	if err == unix.ENOENT && !g.diagWorks {
		// Our own end of the connection is there to be found.
		_, own := g.diag.socket(local, remote)
		g.diagWorks = own == nil
	}
	switch {
	case err == nil:
		g.diagWorks = true
		return s, nil
	case err == unix.ENOENT && g.diagWorks:
		return socket{}, nil
	}

	s, tableErr := findInTables(remote, local)
	if tableErr != nil {
		return socket{}, fmt.Errorf("NETLINK_SOCK_DIAG: %w; %w", err, tableErr)
	}
	return s, nil
}

// An address is one end of a TCP connection.
type address struct {
	ip   [4]byte
	port uint16
}

// established is the state of a connection that both sides can use, tcp_states.h.
const established = 1

// A socket is what the kernel says about one. The zero value is none.
type socket struct {
	state uint8
	user  uint32
	inode uint32
}

// held reports whether a process has the socket. One that was closed lives on for
// a while, and is shown as root's.
func (s socket) held() bool { return s.state == established && s.inode != 0 }

// users are those who may connect.
type users struct {
	known    bool
	own      []uint32
	overflow int64 // the number that stands for every user without one here; -1: all users have one
	walked   bool
	above    []uint32
}

func (u *users) check(user uint32) error {
	if !u.known {
		u.known = true
		u.own = []uint32{0, uint32(os.Getuid()), uint32(os.Geteuid())}
		u.overflow = overflowUser()
	}
	if int64(user) == u.overflow {
		return &ForeignUserError{user, true} // even if ours reads the same
	}
	if slices.Contains(u.own, user) {
		return nil
	}
	if !u.walked {
		u.walked, u.above = true, usersAbove()
	}
	if slices.Contains(u.above, user) {
		return nil
	}
	return &ForeignUserError{User: user}
}
