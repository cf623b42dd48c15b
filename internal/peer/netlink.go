package peer

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// A netlink asks the kernel one question at a time, netlink(7). Its zero value
// has no socket yet.
type netlink struct {
	opened   bool
	fd       int
	sequence uint32
	reply    [4096]byte
}

const headerSize = unix.SizeofNlMsghdr

// close gives the socket back. The next question opens another.
func (n *netlink) close() {
	if n.opened {
		unix.Close(n.fd)
	}
	n.opened = false
}

// ask sends a message and returns the body of the answer, which is valid until
// the next question.
func (n *netlink) ask(protocol int, kind uint16, body []byte) ([]byte, error) {
	if !n.opened {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
		if err != nil {
			return nil, os.NewSyscallError("socket", err)
		}
		n.opened, n.fd = true, fd
	}

	n.sequence++
	message := make([]byte, headerSize, headerSize+len(body))
	binary.NativeEndian.PutUint32(message[0:], uint32(headerSize+len(body)))
	binary.NativeEndian.PutUint16(message[4:], kind)
	binary.NativeEndian.PutUint16(message[6:], unix.NLM_F_REQUEST)
	binary.NativeEndian.PutUint32(message[8:], n.sequence)
	if err := unix.Sendto(n.fd, append(message, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, os.NewSyscallError("sendto", err)
	}

	// The kernel has answered by the time that sendto returns.
	for {
		size, from, err := unix.Recvfrom(n.fd, n.reply[:], unix.MSG_DONTWAIT)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, os.NewSyscallError("recvfrom", err)
		}
		sender, ok := from.(*unix.SockaddrNetlink)
		if !ok || sender.Pid != 0 || size < headerSize {
			continue
		}
		answer := n.reply[:size]
		if binary.NativeEndian.Uint32(answer[8:]) != n.sequence {
			continue
		}
		return bodyOf(answer)
	}
}

// bodyOf returns the body of a message, or the error that the message is.
func bodyOf(message []byte) ([]byte, error) {
	size := int(binary.NativeEndian.Uint32(message))
	if size < headerSize || size > len(message) {
		return nil, unix.EBADMSG
	}
	body := message[headerSize:size]
	if binary.NativeEndian.Uint16(message[4:]) != unix.NLMSG_ERROR {
		return body, nil
	}
	if len(body) < 4 {
		return nil, unix.EBADMSG
	}
	return nil, unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
}

// Of linux/sock_diag.h and linux/inet_diag.h, sock_diag(7).
const (
	sockDiagByFamily = 20

	requestSize = 56 // struct inet_diag_req_v2
	answerSize  = 72 // struct inet_diag_msg

	// The loopback interface has this number in every network namespace. The
	// packets of a connection within a machine come through it, so a client
	// that has bound its socket to the interface is found too.
	loopback = 1
)

// socket looks up the TCP socket at remote that is connected to local. One of
// IPv6 that is connected to an IPv4 address is found as well. The error is
// ENOENT if there is none.
func (n *netlink) socket(remote, local address) (socket, error) {
	var request [requestSize]byte
	request[0], request[1] = unix.AF_INET, unix.IPPROTO_TCP
	for i := range request[4:8] {
		request[4+i] = 0xff // any state
	}
	binary.BigEndian.PutUint16(request[8:], remote.port)
	binary.BigEndian.PutUint16(request[10:], local.port)
	copy(request[12:], remote.ip[:])
	copy(request[28:], local.ip[:])
	binary.NativeEndian.PutUint32(request[44:], loopback)
	for i := range request[48:56] {
		request[48+i] = 0xff // no cookie
	}

	body, err := n.ask(unix.NETLINK_SOCK_DIAG, sockDiagByFamily, request[:])
	if err != nil {
		return socket{}, err
	}
	if len(body) < answerSize {
		return socket{}, unix.EBADMSG
	}
	return socket{
		state: body[1],
		user:  binary.NativeEndian.Uint32(body[64:]),
		inode: binary.NativeEndian.Uint32(body[68:]),
	}, nil
}

// isLocal reports whether packets to ip stay on this machine, rtnetlink(7).
func (n *netlink) isLocal(ip [4]byte) (bool, error) {
	var request [unix.SizeofRtMsg + unix.SizeofRtAttr + 4]byte
	request[0], request[1] = unix.AF_INET, 32
	attribute := request[unix.SizeofRtMsg:]
	binary.NativeEndian.PutUint16(attribute[0:], unix.SizeofRtAttr+4)
	binary.NativeEndian.PutUint16(attribute[2:], unix.RTA_DST)
	copy(attribute[unix.SizeofRtAttr:], ip[:])

	body, err := n.ask(unix.NETLINK_ROUTE, unix.RTM_GETROUTE, request[:])
	if err != nil {
		return false, err
	}
	if len(body) < unix.SizeofRtMsg {
		return false, unix.EBADMSG
	}
	return body[7] == unix.RTN_LOCAL, nil
}
