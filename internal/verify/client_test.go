package verify

import (
	"strings"
	"testing"
	"time"

	"isolate-namespace/protocol"
)

// Each language tries every probe, and no placeholder is left in its program.
func TestDialects(t *testing.T) {
	values := map[string]string{"SECRET": "v1", "TARGET": "v2", "KEYS": "v3", "DECOY": "v4", "TOKEN": "v5", "PORT": "v6"}
	for _, d := range dialects {
		program, err := d.program(values)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range values {
			if strings.Contains(program, "%"+name+"%") || !strings.Contains(program, `"`+value+`"`) {
				t.Errorf("%v: %s is left, or not used", d.languages, name)
			}
		}
		for _, p := range probes {
			if !strings.Contains(program, "probe "+p.Name) && !strings.Contains(program, `probe("`+p.Name) {
				t.Errorf("%v: no probe %s", d.languages, p.Name)
			}
		}
	}
}

// What a kernel sends a moment after the end of its cell is the cell's, too.
func TestOutputThatComesLate(t *testing.T) {
	k := &client{published: make(chan *protocol.Message, 3)}
	cell := protocol.Header{ID: "cell"}
	say := func(kind string, parent protocol.Header, content map[string]any) {
		k.published <- protocol.NewMessage("kernel", kind, parent, content)
	}
	say("status", cell, map[string]any{"execution_state": "idle"})
	say("stream", protocol.Header{ID: "another"}, map[string]any{"text": "another's"})
	say("stream", cell, map[string]any{"text": "late"})
	if text, err := k.output("cell", time.Minute); err != nil || text != "late" {
		t.Errorf("%q, %v", text, err)
	}
}
