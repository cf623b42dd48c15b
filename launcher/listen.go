package launcher

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// listeners are the sockets that clients connect to, one for each channel.
type listeners struct {
	doors []*door
	files []string // the sockets' paths, for transport ipc
	cell  lastCell
}

// listen opens the doors: the ports of the connection file, or its paths. It
// comes before everything slow, since Jupyter only looked whether the ports
// are free and anybody can take them meanwhile. A kernel in the host's network
// listens on its ports itself.
func listen(c *connectionFile, network isolate.Network) (*listeners, error) {
	l := &listeners{}
	if network == isolate.NetworkHost && !c.ipc {
		return l, nil
	}

	for _, channel := range channels {
		var fd int
		var err error
		place := c.place(channel)
		if c.ipc {
			fd, err = listenUnix(place)
		} else {
			fd, err = listenTCP(c.ip, c.ports[channel])
		}
		if err != nil {
			l.close()
			return nil, &isolate.SetupError{
				Doing: "listen for the " + channel + " channel", Err: fmt.Errorf("%w: %s", err, place),
				Kind: kindOf(err),
			}
		}
		l.doors = append(l.doors, &door{listener: fd})
		if c.ipc {
			l.files = append(l.files, place)
		}
	}

	return l, nil
}

// place returns where clients find a channel.
func (c *connectionFile) place(channel string) string {
	port := strconv.Itoa(c.ports[channel])
	if c.ipc {
		return c.ip + "-" + port
	}
	return c.ip + ":" + port
}

func kindOf(err error) isolate.Kind {
	if errors.Is(err, unix.EADDRINUSE) {
		return remedy.KindPortTaken
	}
	return remedy.KindAddress
}

func listenTCP(ip string, port int) (int, error) {
	addr := &unix.SockaddrInet4{Port: port}
	var err error
	if addr.Addr, err = parseIP(ip); err != nil {
		return -1, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	// A kernel that is started again has the same ports, and connections of
	// its predecessor's are still around.
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	return bind(fd, addr, err)
}

// parseIP reads an address as kernels do: a number, or "*" for all.
func parseIP(s string) (ip [4]byte, err error) {
	switch s {
	case "", "localhost":
		return [4]byte{127, 0, 0, 1}, nil
	case "*":
		return ip, nil
	}
	parts := strings.Split(s, ".")
	for i := range parts {
		n, err := strconv.ParseUint(parts[i], 10, 8)
		if err != nil || len(parts) != len(ip) {
			return ip, errors.New("not an IPv4 address")
		}
		ip[i] = byte(n)
	}
	return ip, nil
}

// listenUnix listens at a path, of which the kernel takes 107 bytes.
func listenUnix(path string) (int, error) {
	if len(path) >= len(unix.RawSockaddrUnix{}.Path) {
		return -1, fmt.Errorf("%w (the path of a socket has 107 bytes at most)", unix.ENAMETOOLONG)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	addr := &unix.SockaddrUnix{Name: path}
	removeStale(addr)
	// Only the user may connect: the sockets of Jupyter's other files are
	// protected by their directory, this one may lie anywhere.
	old := unix.Umask(0o177)
	defer unix.Umask(old)
	return bind(fd, addr, nil)
}

// removeStale removes a socket that nobody listens on: a kernel that was
// killed left it.
func removeStale(addr *unix.SockaddrUnix) {
	var info unix.Stat_t
	if unix.Lstat(addr.Name, &info) != nil || info.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return
	}
	probe, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(probe)
	if unix.Connect(probe, addr) == unix.ECONNREFUSED {
		os.Remove(addr.Name)
	}
}

// bind makes a listener of fd, or closes it.
func bind(fd int, addr unix.Sockaddr, err error) (int, error) {
	if err == nil {
		err = unix.Bind(fd, addr)
	}
	if err == nil {
		err = unix.Listen(fd, unix.SOMAXCONN)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// leadTo returns the doors, which lead to k from now on.
func (l *listeners) leadTo(k *kernel) []*door {
	for i, d := range l.doors {
		if channels[i] == "iopub" {
			d.cell = &l.cell
		}
		port := k.connection.ports[channels[i]]
		if k.connection.ipc {
			path := kernelDir + "/ipc-" + strconv.Itoa(port)
			d.dial = func() (int, error) { return descriptor(k.DialUnix(path)) }
			continue
		}
		d.dial = func() (int, error) { return descriptor(k.DialTCP(port)) }
		d.inside = &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
	}
	return l.doors
}

// descriptor takes the socket out of a file of the os package, which would
// put it under that package's own polling.
func descriptor(f *os.File, err error) (int, error) {
	if err != nil {
		return -1, err
	}
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	controlErr := raw.Control(func(number uintptr) {
		fd, err = unix.FcntlInt(number, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err == nil {
		err = controlErr
	}
	return fd, err
}

// close stops listening and leaves no socket file behind. It may be called
// again.
func (l *listeners) close() {
	for _, d := range l.doors {
		unix.Close(d.listener)
	}
	for _, path := range l.files {
		os.Remove(path)
	}
	l.doors, l.files = nil, nil
}
