package frontend

import (
	"testing"
	"time"

	"isolate-namespace/internal/protocol"
)

// What a kernel sends a moment after the end of its cell is the cell's, too.
func TestOutputThatComesLate(t *testing.T) {
	k := &Client{ctx: t.Context(), Published: make(chan *protocol.Message, 3)}
	cell := protocol.Header{ID: "cell"}
	say := func(kind string, parent protocol.Header, content map[string]any) {
		k.Published <- protocol.NewMessage("kernel", kind, parent, content)
	}
	say("status", cell, map[string]any{"execution_state": "idle"})
	say("stream", protocol.Header{ID: "another"}, map[string]any{"text": "another's"})
	say("stream", cell, map[string]any{"text": "late"})
	if text, err := k.Output("cell", time.Minute); err != nil || text != "late" {
		t.Errorf("%q, %v", text, err)
	}
}
