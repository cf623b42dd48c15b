package kernelspec

import (
	"strings"
	"testing"
)

// Only a message that is whole and signed with the kernel's key counts.
func TestDecode(t *testing.T) {
	k := &client{connection: &connection{Key: "key"}}
	parts := [][]byte{[]byte(`{"msg_type":"status"}`), []byte(`{"msg_id":"1"}`), []byte(`{}`), []byte(`{"execution_state":"idle"}`)}
	whole := append([][]byte{[]byte("topic"), delimiter, k.sign(parts)}, parts...)
	m, err := k.decode(whole)
	if err != nil || m.Header.Type != "status" || m.Parent.ID != "1" || m.Content["execution_state"] != "idle" {
		t.Errorf("%+v, %v", m, err)
	}
	forged := append([][]byte{delimiter, []byte(strings.Repeat("0", 64))}, parts...)
	broken := [][]byte{[]byte(`{`), parts[1], parts[2], parts[3]}
	for name, frames := range map[string][][]byte{
		"nothing": nil, "no delimiter": whole[2:], "a frame too few": whole[:6], "a wrong signature": forged,
		"not JSON": append([][]byte{delimiter, k.sign(broken)}, broken...),
	} {
		if _, err := k.decode(frames); err == nil {
			t.Errorf("%s: taken for a message", name)
		}
	}
}

// Each language tries every probe, and no placeholder is left in its program.
func TestDialects(t *testing.T) {
	values := map[string]string{"SECRET": "a", "TARGET": "b", "KEYS": "c", "DECOY": "d", "TOKEN": "e", "PORT": "1"}
	for _, d := range dialects {
		program := d.program(values)
		for name := range values {
			if strings.Contains(program, "%"+name+"%") || !strings.Contains(d.probes, "%"+name+"%") {
				t.Errorf("%v: %s is left, or not used", d.languages, name)
			}
		}
		for _, p := range Probes {
			if !strings.Contains(program, "probe "+p.Name) && !strings.Contains(program, `probe("`+p.Name) {
				t.Errorf("%v: no probe %s", d.languages, p.Name)
			}
		}
	}
}
