package protocol

import (
	"strings"
	"testing"
)

// Only a message that is whole and signed with the kernel's key counts.
func TestDecode(t *testing.T) {
	k := Key("key")
	parts := [][]byte{[]byte(`{"msg_type":"status"}`), []byte(`{"msg_id":"1"}`), []byte(`{}`), []byte(`{"execution_state":"idle"}`)}
	whole := append([][]byte{[]byte("topic"), delimiter, k.sign(parts)}, parts...)
	m, to, err := k.Decode(whole)
	if err != nil || len(to) != 1 || m.Header.Type != "status" || m.Parent.ID != "1" || m.Content["execution_state"] != "idle" {
		t.Errorf("%+v, %v", m, err)
	}
	forged := append([][]byte{delimiter, []byte(strings.Repeat("0", 64))}, parts...)
	broken := [][]byte{[]byte(`{`), parts[1], parts[2], parts[3]}
	for name, frames := range map[string][][]byte{
		"nothing": nil, "no delimiter": whole[2:], "a frame too few": whole[:6], "a wrong signature": forged,
		"not JSON": append([][]byte{delimiter, k.sign(broken)}, broken...),
	} {
		if _, _, err := k.Decode(frames); err == nil {
			t.Errorf("%s: taken for a message", name)
		}
	}
}
