package text

import (
	"errors"
	"strings"
	"testing"
)

func TestPrintable(t *testing.T) {
	for _, c := range []struct{ text, lines, line string }{
		{"", "", ""},
		{"Übung 1/naïve 作業 \u0928\u0940", "Übung 1/naïve 作業 \u0928\u0940", "Übung 1/naïve 作業 \u0928\u0940"},
		{"two\nlines\tand a tab", "two\nlines\tand a tab", `two\nlines\tand a tab`},
		{"\x1b]0;title\a", `\x1b]0;title\x07`, `\x1b]0;title\x07`},
		{"one\rtwo\x7f", `one\x0dtwo\x7f`, `one\x0dtwo\x7f`},
		{"\v\f\x00", `\x0b\x0c\x00`, `\x0b\x0c\x00`},
		{"C1 \u009b2J", `C1 \u009b2J`, `C1 \u009b2J`},
		{"Latin \xfcbung", `Latin \xfcbung`, `Latin \xfcbung`},
		{"cut \xe4\xbd", `cut \xe4\xbd`, `cut \xe4\xbd`},
		{"surrogate \xed\xa0\x80", `surrogate \xed\xa0\x80`, `surrogate \xed\xa0\x80`},
		{"a character \ufffd of its own", "a character \ufffd of its own", "a character \ufffd of its own"},
		{"fdp\u202egnp.exe", `fdp\u202egnp.exe`, `fdp\u202egnp.exe`},
		{"no\u200bwidth, \u2066isolate, \ufeffmark, \u00adsoft", `no\u200bwidth, \u2066isolate, \ufeffmark, \u00adsoft`, `no\u200bwidth, \u2066isolate, \ufeffmark, \u00adsoft`},
		{"line\u2028 paragraph\u2029 next\u0085", `line\u2028 paragraph\u2029 next\u0085`, `line\u2028 paragraph\u2029 next\u0085`},
		{"tag \U000e0041", `tag \U000e0041`, `tag \U000e0041`},
	} {
		if got := Printable(c.text); got != c.lines {
			t.Errorf("Printable(%q) = %q, want %q", c.text, got, c.lines)
		}
		if got := Line(c.text); got != c.line {
			t.Errorf("Line(%q) = %q, want %q", c.text, got, c.line)
		}
	}
}

func TestComplaint(t *testing.T) {
	got := Complaint("isolate", "mount /x\nisolate: all is well: gone", "remove \x1b[8m it")
	want := `isolate: mount /x\nisolate: all is well: gone; remove \x1b[8m it` + "\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Complaint("isolate", "gone", ""); got != "isolate: gone\n" {
		t.Errorf("without a remedy: %q", got)
	}
}

// full fails after a number of bytes.
type full struct {
	written strings.Builder
	room    int
}

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.room {
		return 0, errors.New("full")
	}
	f.room -= len(p)
	return f.written.Write(p)
}

func TestOutput(t *testing.T) {
	disk := &full{room: 1000}
	out := NewOutput(disk)
	out.Line("%s is %q", "a\nb", "c\u202e")
	out.Lines("of our\nown\x1b\n")
	table := out.Table()
	table.Row("NAME", "STATE")
	table.Row("x\ty\nz", "\fok\v")
	table.End()
	want := "a\\nb is \"c\\u202e\"\nof our\nown\\x1b\nNAME     STATE\nx\\ty\\nz  \\x0cok\\x0b\n"
	if got := disk.written.String(); got != want || out.Err() != nil {
		t.Errorf("got %q, %v, want %q", got, out.Err(), want)
	}
	disk.room = 10
	out.Line("longer than that")
	if out.Line("short"); out.Err() == nil || disk.written.String() != want {
		t.Errorf("after an error: %v, %q", out.Err(), disk.written.String())
	}
}

func FuzzLine(f *testing.F) {
	f.Add("x\nisolate: all is well\x1b[2J\u202e\xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range Line(text) {
			if r == '\n' || r == '\t' || isUnprintable(r) && r != '\ufffd' {
				t.Errorf("%q becomes %q", text, Line(text))
			}
		}
	})
}
