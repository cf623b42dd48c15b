package execute

import (
	"crypto/sha256"
	"encoding/json"
	"hash"
	"slices"
	"strings"

	"isolate-namespace/internal/protocol"
)

const (
	// maxText is how much is kept of one text that a cell puts out, in bytes.
	// Of the rest the length and a digest are known.
	maxText = 256 << 10

	// maxOutputs is how many outputs of one cell are kept, but for its streams
	// and errors.
	maxOutputs = 200

	// maxKept is how much is kept of all texts of a notebook, in bytes.
	maxKept = 64 << 20
)

// A Text is what a cell puts out in one place.
type Text struct {
	size int
	kept []byte
	sum  hash.Hash
}

// NewText returns a Text that holds a string.
func NewText(s string) *Text {
	t, left := &Text{}, maxText
	t.add(s, &left)
	return t
}

// add adds to the end of it. left is how much may be kept.
func (t *Text) add(s string, left *int) {
	if t.sum == nil {
		t.sum = sha256.New()
	}
	t.sum.Write([]byte(s))
	t.size += len(s)

	n := min(len(s), maxText-len(t.kept), *left)
	t.kept = append(t.kept, s[:n]...)
	*left -= n
}

// Start returns what is kept of it: at least the beginning.
func (t *Text) Start() string { return strings.ToValidUTF8(string(t.kept), "") }

// Size returns how long it is, in bytes.
func (t *Text) Size() int { return t.size }

// Whole reports whether Start is all of it.
func (t *Text) Whole() bool { return t.size == len(t.kept) }

// Same reports whether two texts are the same to the end.
func (t *Text) Same(other *Text) bool {
	return t.size == other.size && slices.Equal(t.sum.Sum(nil), other.sum.Sum(nil))
}

// An Error is what a cell raised.
type Error struct {
	Name, Value string
	Traceback   string
}

// A Display is what a cell shows, in each type that it offers.
type Display struct {
	Result bool // it is the value of the cell
	Data   map[string]*Text

	id string
}

// Outputs are a cell's as nbclient collects them, but that each stream is one text.
type Outputs struct {
	Stdout, Stderr *Text // nil: nothing was written
	Displays       []*Display
	Errors         []Error
	More           int // displays and errors that aren't kept
	TimedOut       bool

	clearNext bool // before the next output comes
	left      *int // how much may be kept, of all cells
}

// take adds what a message brings. Displays of this identity, in other cells too,
// are found in shown.
func (o *Outputs) take(m *protocol.Message, shown map[string][]*Display) {
	switch m.Header.Type {
	case "clear_output":
		if wait, _ := m.Content["wait"].(bool); wait {
			o.clearNext = true
		} else {
			o.clear(shown)
		}
	case "update_display_data":
		if d := o.newDisplay(m); d.id != "" {
			o.update(d, shown)
		}
	case "stream", "display_data", "execute_result", "error":
		if o.clearNext {
			o.clear(shown)
		}
		o.add(m, shown)
	}
}

// add adds an output.
func (o *Outputs) add(m *protocol.Message, shown map[string][]*Display) {
	text := func(key string) string {
		s, _ := m.Content[key].(string)
		return s
	}
	switch m.Header.Type {
	case "stream":
		to := &o.Stdout
		if text("name") == "stderr" {
			to = &o.Stderr
		}
		if *to == nil {
			*to = &Text{}
		}
		(*to).add(text("text"), o.left)
	case "error":
		o.raise(Error{text("ename"), text("evalue"), traceback(m.Content["traceback"])})
	default:
		d := o.newDisplay(m)
		if d.id != "" {
			o.update(d, shown)
		}
		if len(o.Displays) >= maxOutputs {
			o.More++
			return
		}
		o.Displays = append(o.Displays, d)
		if d.id != "" {
			shown[d.id] = append(shown[d.id], d)
		}
	}
}

// update shows something else where something is shown already.
func (o *Outputs) update(d *Display, shown map[string][]*Display) {
	for _, old := range shown[d.id] {
		old.Data = d.Data
	}
}

// raise adds an error. Kernels send one a cell; hostile ones may send many.
func (o *Outputs) raise(e Error) {
	if len(o.Errors) >= 10 {
		o.More++
		return
	}
	e.Name, e.Value, e.Traceback = cut(e.Name), cut(e.Value), cut(e.Traceback)
	o.Errors = append(o.Errors, e)
}

func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxText)], "") }

func (o *Outputs) clear(shown map[string][]*Display) {
	for _, d := range o.Displays {
		if d.id != "" {
			shown[d.id] = slices.DeleteFunc(shown[d.id], func(other *Display) bool { return other == d })
		}
	}
	*o = Outputs{left: o.left}
}

// newDisplay reads a display_data, an update of one, or an execute_result.
func (o *Outputs) newDisplay(m *protocol.Message) *Display {
	d := &Display{Result: m.Header.Type == "execute_result", Data: map[string]*Text{}}
	transient, _ := m.Content["transient"].(map[string]any)
	d.id, _ = transient["display_id"].(string)
	data, _ := m.Content["data"].(map[string]any)
	for kind, value := range data {
		text, isText := value.(string)
		if !isText { // a list of lines, or JSON
			encoded, err := json.Marshal(value)
			if err != nil {
				continue
			}
			text = string(encoded)
		}
		d.Data[kind] = &Text{}
		d.Data[kind].add(text, o.left)
	}
	return d
}

func traceback(value any) string {
	list, _ := value.([]any)
	var all []string
	for _, each := range list {
		if line, ok := each.(string); ok {
			all = append(all, line)
		}
	}
	return strings.Join(all, "\n")
}
