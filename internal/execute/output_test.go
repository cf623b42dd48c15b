package execute

import (
	"fmt"
	"strings"
	"testing"

	"isolate-namespace/internal/protocol"
)

type content = map[string]any

// play gives a cell messages of a kind and a content each, and returns its outputs in
// one line.
func play(shown map[string][]*Display, messages ...any) (*Outputs, string) {
	left := maxKept
	o := &Outputs{left: &left}
	for i := 0; i < len(messages); i += 2 {
		o.take(protocol.NewMessage("kernel", messages[i].(string), protocol.Header{}, messages[i+1].(content)), shown)
	}
	return o, line(o)
}

func line(o *Outputs) string {
	var parts []string
	for name, text := range map[string]*Text{"out": o.Stdout, "err": o.Stderr} {
		if text != nil {
			parts = append(parts, name+" "+text.Start())
		}
	}
	for _, d := range o.Displays {
		parts = append(parts, fmt.Sprintf("show %s %v", d.Data["text/plain"].Start(), d.Result))
	}
	for _, e := range o.Errors {
		parts = append(parts, "raise "+e.Name+" "+e.Value+" "+e.Traceback)
	}
	return strings.Join(parts, ", ")
}

func stream(name, text string) content { return content{"name": name, "text": text} }

func plain(text, id string) content {
	return content{"data": content{"text/plain": text}, "transient": content{"display_id": id}}
}

func TestOutputs(t *testing.T) {
	for _, c := range []struct {
		name     string
		messages []any
		want     string
	}{
		{"streams are one each", []any{"stream", stream("stdout", "a"), "stream", stream("stdout", "b")}, "out ab"},
		{"standard error", []any{"stream", stream("stderr", "a")}, "err a"},
		{"a value", []any{"execute_result", plain("1", "")}, "show 1 true"},
		{"an error", []any{"error", content{"ename": "E", "evalue": "v", "traceback": []any{"one", "two", 3}}}, "raise E v one\ntwo"},
		{"cleared", []any{"stream", stream("stdout", "a"), "clear_output", content{}, "display_data", plain("b", "")}, "show b false"},
		{"cleared before the next", []any{"stream", stream("stdout", "a"), "clear_output", content{"wait": true}, "display_data", plain("b", "")}, "show b false"},
		{"cleared before none", []any{"stream", stream("stdout", "a"), "clear_output", content{"wait": true}}, "out a"},
		{"updated", []any{"display_data", plain("a", "x"), "display_data", plain("b", "y"), "update_display_data", plain("c", "x")}, "show c false, show b false"},
		{"shown again", []any{"display_data", plain("a", "x"), "display_data", plain("b", "x")}, "show b false, show b false"},
		{"updated without a display", []any{"update_display_data", plain("c", "x")}, ""},
		{"JSON", []any{"display_data", content{"data": content{"text/plain": []any{"a", 1}}}}, `show ["a",1] false`},
	} {
		if _, got := play(map[string][]*Display{}, c.messages...); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Messages that no kernel should send change nothing, or are an error without words.
func TestOutputsOfWhatDoesntFit(t *testing.T) {
	_, got := play(map[string][]*Display{}, "stream", content{}, "error", content{"traceback": 1}, "comm_open", content{}, "status", content{},
		"update_display_data", content{"transient": 1})
	if got != "out , raise   " {
		t.Errorf("%q", got)
	}
}

// A later cell updates what an earlier one shows.
func TestUpdateOfAnEarlierCell(t *testing.T) {
	shown := map[string][]*Display{}
	first, _ := play(shown, "display_data", plain("a", "x"))
	play(shown, "update_display_data", plain("b", "x"))
	if got := line(first); got != "show b false" {
		t.Error(got)
	}
}

// However much a cell puts out, what is kept of it has bounds, and the rest can be told
// apart.
func TestOutputsAreBounded(t *testing.T) {
	left := maxKept
	shown := map[string][]*Display{}
	kept := func(last string) *Outputs {
		o := &Outputs{left: &left}
		for range 300 {
			o.take(protocol.NewMessage("k", "stream", protocol.Header{}, stream("stdout", strings.Repeat("é", 5000))), shown)
			o.take(protocol.NewMessage("k", "display_data", protocol.Header{}, plain("x", "")), shown)
			o.take(protocol.NewMessage("k", "error", protocol.Header{}, content{"ename": "E"}), shown)
		}
		o.take(protocol.NewMessage("k", "stream", protocol.Header{}, stream("stdout", last)), shown)
		return o
	}
	a, b, again := kept("a"), kept("b"), kept("a")
	if n := len(a.Stdout.Start()); n > maxText || a.Stdout.Whole() || a.Stdout.Size() != 300*10000+1 || len(a.Displays) != maxOutputs || len(a.Errors) != 10 || a.More != 390 {
		t.Errorf("%d bytes of %d, %d displays, %d errors, %d more", n, a.Stdout.Size(), len(a.Displays), len(a.Errors), a.More)
	}
	if a.Stdout.Same(b.Stdout) || !a.Stdout.Same(again.Stdout) {
		t.Error("the ends aren't told apart")
	}

	for range maxKept/maxText + 10 {
		o := &Outputs{left: &left}
		o.take(protocol.NewMessage("k", "stream", protocol.Header{}, stream("stdout", strings.Repeat("x", maxText))), shown)
	}
	if left != 0 {
		t.Errorf("%d bytes are left", left)
	}
}
