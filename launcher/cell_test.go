package launcher

import (
	"encoding/binary"
	"strings"
	"testing"
)

// frame returns a frame of ZeroMQ as libzmq writes it.
func frame(content string) string {
	if len(content) < 256 {
		return "\x01" + string([]byte{byte(len(content))}) + content
	}
	return "\x03" + string(binary.BigEndian.AppendUint64(nil, uint64(len(content)))) + content
}

func published(kind, parent, content string) string {
	return frame("kernel.1."+kind) + frame("<IDS|MSG>") + frame(strings.Repeat("0", 64)) +
		frame(`{"msg_type": "`+kind+`"}`) + frame(parent) + frame("{}") + frame(content)
}

func TestLastCell(t *testing.T) {
	input := func(parent string) string { return published("execute_input", parent, `{"code": "1"}`) }
	long := `{"msg_id": "` + strings.Repeat("x", 300) + `"}`
	for _, test := range []struct {
		name, want string
		sent       []string
	}{
		{"nothing", "", nil},
		{"no cell", "", []string{published("status", `{"msg_id": "1"}`, "{}")}},
		{"a cell", `{"msg_id": "1"}`, []string{input(`{"msg_id": "1"}`)}},
		{"a long header", long, []string{input(long)}},
		{"the last of two", "second", []string{input("first"), input("second")}},
		{"the last of two at once", "second", []string{input("first") + input("second")}},
		{"output since", "a", []string{input("a"), published("stream", "b", strings.Repeat("y", bufferSize))}},
		{"long code", "a", []string{published("execute_input", "a", strings.Repeat("y", bufferSize))}},
		{"printed", "a", []string{input("a"), published("stream", "b", `{"text": "\"execute_input\""}`)}},
		{"shown", "", []string{published("display_data", "b", `{"data": {"x": "execute_input"}}`)}},
		{"cut off", "", []string{input("parent")[:120]}},
		{"a length that lies", "", []string{`<IDS|MSG>` + "\x03\xff\xff\xff\xff\xff\xff\xff\xff" + `"execute_input"`}},
	} {
		var l lastCell
		for _, sent := range test.sent {
			l.watch([]byte(sent))
		}
		if got := l.request(); got != test.want {
			t.Errorf("%s: %.40q, not %.40q", test.name, got, test.want)
		}
	}
}

// Whatever a kernel sends, it is looked at within bounds.
func FuzzLastCell(f *testing.F) {
	f.Add([]byte(published("execute_input", "{}", "{}")))
	f.Add([]byte("<IDS|MSG>\x03\xff\xff\xff\xff\xff\xff\xff\xff\"execute_input\""))
	f.Fuzz(func(t *testing.T, sent []byte) {
		var l lastCell
		l.watch(sent)
		if got := l.request(); len(got) > 2*maxHeader || !strings.Contains(string(sent), got) {
			t.Errorf("%q", got)
		}
	})
}
