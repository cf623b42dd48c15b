package protocol

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
)

// A Connection is what a front end tells a kernel: the connection file.
type Connection struct {
	Transport string `json:"transport"`
	IP        string `json:"ip"` // with transport ipc the beginning of the sockets' paths
	Shell     int    `json:"shell_port"`
	IOPub     int    `json:"iopub_port"`
	Stdin     int    `json:"stdin_port"`
	Control   int    `json:"control_port"`
	Heartbeat int    `json:"hb_port"`
	Key       Key    `json:"key"`
	Scheme    string `json:"signature_scheme"`

	KernelName string `json:"kernel_name,omitempty"`
	CurveKey   string `json:"curve_publickey,omitempty"` // of encrypted channels
}

// NewConnection finds free ports, as Jupyter does: by listening for a moment.
// They lie below those that the system gives to connections (ip(7),
// ip_local_port_range), so that none made meanwhile takes one.
func NewConnection() (*Connection, error) {
	c := &Connection{Transport: "tcp", IP: "127.0.0.1", Key: Key(rand.Text()), Scheme: "hmac-sha256"}
	for _, port := range []*int{&c.Shell, &c.IOPub, &c.Stdin, &c.Control, &c.Heartbeat} {
		l, err := listen()
		if err != nil {
			return nil, err
		}
		defer l.Close() // after all are found, so that they differ
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return c, nil
}

func listen() (l net.Listener, err error) {
	for range 100 {
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+mathrand.IntN(20000))); err == nil {
			return l, nil
		}
	}
	return nil, err
}

// ReadConnection reads a connection file.
func ReadConnection(path string) (*Connection, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var c Connection
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("read the connection file %s: %w", path, err)
	}
	return &c, nil
}

// Endpoint returns where the channel of the port is, in ZeroMQ's words.
func (c *Connection) Endpoint(port int) string {
	if c.Transport == "ipc" {
		return fmt.Sprintf("ipc://%s-%d", c.IP, port)
	}
	ip := c.IP
	if ip == "" {
		ip = "127.0.0.1" // and not every address
	}
	return fmt.Sprintf("tcp://%s:%d", ip, port)
}
