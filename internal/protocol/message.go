// Package protocol is Jupyter's messaging protocol as both its ends need it:
// the connection file, the messages, signed, and the sockets of the channels.
//
// Source: https://jupyter-client.readthedocs.io/en/stable/messaging.html
package protocol

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// Version is that of the protocol, the newest with the sockets of a connection file.
const Version = "5.3"

// A Message of the protocol. Its parent is the message that it answers or that
// brought it about; it may be empty.
type Message struct {
	Header  Header
	Parent  Header
	Content map[string]any
}

// A Header tells messages apart.
type Header struct {
	ID       string `json:"msg_id,omitempty"`
	Session  string `json:"session,omitempty"`
	Username string `json:"username,omitempty"`
	Date     string `json:"date,omitempty"`
	Type     string `json:"msg_type,omitempty"`
	Version  string `json:"version,omitempty"`
}

// NewSession returns the identity of one run of a program.
func NewSession() string { return rand.Text() }

// NewMessage returns a message of the session, made now.
func NewMessage(session, kind string, parent Header, content map[string]any) *Message {
	return &Message{
		Header: Header{
			ID: rand.Text(), Session: session, Username: "isolate",
			Date: time.Now().UTC().Format(time.RFC3339Nano), Type: kind, Version: Version,
		},
		Parent:  parent,
		Content: content,
	}
}

// A Key signs messages. The empty one doesn't: the protocol has it so.
type Key string

var delimiter = []byte("<IDS|MSG>")

// Encode returns the frames of a message, which follow the identities of whom
// it goes to.
func (k Key) Encode(m *Message) ([][]byte, error) {
	parts := make([][]byte, 4)
	for i, part := range []any{m.Header, m.Parent, struct{}{}, m.Content} {
		var err error
		if parts[i], err = json.Marshal(part); err != nil {
			return nil, err
		}
	}
	return append([][]byte{delimiter, k.sign(parts)}, parts...), nil
}

// Decode reads a message that is whole and signed with the key, and returns
// the identities before it. What follows the message (buffers) is left out.
func (k Key) Decode(frames [][]byte) (*Message, [][]byte, error) {
	at := 0
	for at < len(frames) && !bytes.Equal(frames[at], delimiter) {
		at++
	}
	identities := frames[:at]
	frames = frames[at:]
	if len(frames) < 6 {
		return nil, nil, errors.New("too few frames")
	}
	if !hmac.Equal(frames[1], k.sign(frames[2:6])) {
		return nil, nil, errors.New("wrong signature")
	}
	var m Message
	err := errors.Join(json.Unmarshal(frames[2], &m.Header), json.Unmarshal(frames[3], &m.Parent), json.Unmarshal(frames[5], &m.Content))
	return &m, identities, err
}

func (k Key) sign(parts [][]byte) []byte {
	if k == "" {
		return nil
	}
	mac := hmac.New(sha256.New, []byte(k))
	for _, part := range parts {
		mac.Write(part)
	}
	return []byte(hex.EncodeToString(mac.Sum(nil)))
}
