package rehearse

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"isolate-namespace/internal/execute"
	"isolate-namespace/internal/notebook"
)

func TestCompareText(t *testing.T) {
	for _, c := range []struct {
		name, twin, first, second string
		want                      *mismatch
	}{
		{"the same", "a\nb", "a\nb", "a\nb", nil},
		{"another line", "a\nc", "a\nb", "a\nb", &mismatch{"c", "b"}},
		{"another figure", "1000 rows", "0 rows", "0 rows", &mismatch{"1000 rows", "0 rows"}},
		{"a line more", "a\nb\nc", "a\nb", "a\nb", &mismatch{twin: "c"}},
		{"a line less", "a", "a\nb", "a\nb", &mismatch{plain: "b"}},
		{"a time", "at 12:00:03", "at 12:00:01", "at 12:00:02", nil},
		{"a time, and a figure that stays", "at 12:00:03\n7 rows", "at 12:00:01\n8 rows", "at 12:00:02\n8 rows", &mismatch{"7 rows", "8 rows"}},
		{"dice that fall alike", "3\n5\n1", "4\n5\n2", "6\n5\n2", nil},
		{"dice in one line", "[3, 5, 1]", "[4, 5, 2]", "[6, 5, 2]", nil},
		{"a word where figures vary", "nan", "0.25", "0.75", &mismatch{"nan", "0.25"}},
		{"words that vary", "cat", "dog", "cow", nil},
		{"words that vary, and one that doesn't", "cat\nerror", "dog\nok", "cow\nok", &mismatch{"error", "ok"}},
		{"figures of another width", "  7.25  x", " 17.5   x", "117.125 x", nil},
		{"lines that vary in number", "x", "a\nb", "a", nil},
		{"as one of both", "dog\n2", "dog\n2", "cow\n1", nil},
	} {
		if diff := cmp.Diff(c.want, compareText(c.twin, c.first, c.second), cmp.AllowUnexported(mismatch{})); diff != "" {
			t.Errorf("%s: want - got +:\n%s", c.name, diff)
		}
	}
}

func TestNormal(t *testing.T) {
	for text, want := range map[string]string{
		"\x1b[0;31mError\x1b[0m":                          "Error",
		"<object object at 0x7f3c4d5e6f70>":               "<object object at 0x…>",
		"flags 0x10":                                      "flags 0x10",
		"/var/tmp/me/ipykernel_4711/123456.py:3: Warning": "cell.py:3: Warning",
		"/tmp/ipykernel_4711/123456.py:3: Warning":        "cell.py:3: Warning",
		"/home/ann/scratch/root/srv/course/data/a.csv":    "/srv/course/data/a.csv",
	} {
		if got := normal(text, "/home/ann/scratch/root"); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func said(s string) *execute.Text { return execute.NewText(s) }

func shown(result bool, pairs ...string) *execute.Display {
	d := &execute.Display{Result: result, Data: map[string]*execute.Text{}}
	for i := 0; i < len(pairs); i += 2 {
		d.Data[pairs[i]] = said(pairs[i+1])
	}
	return d
}

func displays(all ...*execute.Display) *execute.Outputs { return &execute.Outputs{Displays: all} }

func raised(name, value string) *execute.Outputs {
	return &execute.Outputs{Errors: []execute.Error{{Name: name, Value: value}}}
}

// What a person is told of a cell. Where second is nil, both plain runs are the same.
func TestDifferences(t *testing.T) {
	nothing := &execute.Outputs{}
	many := strings.Repeat("x", 300<<10)
	for _, c := range []struct {
		name                string
		twin, first, second *execute.Outputs
		want                string
	}{
		{"nothing", nothing, nothing, nil, ""},
		{"an error", raised("FileNotFoundError", "No such file: 'a.csv'"), nothing, nil, "raises FileNotFoundError: No such file: 'a.csv'"},
		{"an error, and less output", raised("E", ""), &execute.Outputs{Stdout: said("42")}, nil, "raises E"},
		{"no error", nothing, raised("KeyError", "'A'"), nil, "doesn't raise KeyError: 'A', as the plain kernel does"},
		{"another error", raised("OSError", "a\nb"), raised("KeyError", "'A'"), nil, "raises OSError: a; the plain kernel raises KeyError: 'A'"},
		{"an error that says something else", raised("E", "1"), raised("E", "2"), nil, "raises E: 1; the plain kernel raises E: 2"},
		{"the same error", raised("E", "1"), raised("E", "1"), nil, ""},
		{"an error now and then", raised("E", "1"), raised("E", "1"), nothing, ""},
		{"an error of this moment", raised("E", "at 3"), raised("E", "at 1"), raised("E", "at 2"), ""},
		{"output", &execute.Outputs{Stdout: said("0 rows\n")}, &execute.Outputs{Stdout: said("8 rows\n")}, nil, `prints "0 rows"; the plain kernel "8 rows"`},
		{"no output", nothing, &execute.Outputs{Stdout: said("8 rows\n")}, nil, `prints nothing; the plain kernel "8 rows"`},
		{"standard error", &execute.Outputs{Stderr: said("building the font cache")}, nothing, nil,
			`writes to standard error "building the font cache"; the plain kernel nothing`},
		{"a value", displays(shown(true, "text/plain", "1", "text/html", "<b>1")), displays(shown(true, "text/plain", "2", "text/html", "<b>2")), nil,
			`its value is "1"; the plain kernel "2"`},
		{"a plot", displays(shown(false, "image/png", "A", "text/plain", "<Figure>")), displays(shown(false, "image/png", "B", "text/plain", "<Figure>")), nil,
			"shows another image/png"},
		{"a plot of random numbers", displays(shown(false, "image/png", "A")), displays(shown(false, "image/png", "B")), displays(shown(false, "image/png", "C")), ""},
		{"no plot", nothing, displays(shown(false, "image/png", "B", "text/plain", "<Figure>")), nil, "doesn't show image/png, as the plain kernel does"},
		{"a plot more", displays(shown(false, "image/png", "B")), nothing, nil, "shows image/png, as the plain kernel doesn't"},
		{"another type", displays(shown(false, "text/plain", "B")), displays(shown(false, "text/html", "B")), nil, "shows text/plain, the plain kernel text/html"},
		{"more than is kept", &execute.Outputs{Stdout: said(many + "a")}, &execute.Outputs{Stdout: said(many + "b")}, nil,
			`prints "307201 bytes"; the plain kernel "307201 bytes that aren't the same"`},
		{"more than is kept, and varies", &execute.Outputs{Stdout: said(many + "a")}, &execute.Outputs{Stdout: said(many + "b")},
			&execute.Outputs{Stdout: said(many + "c")}, ""},
		{"what steers a terminal", &execute.Outputs{Stdout: said("\x1b]0;title\a\rx\u202e")}, nothing, nil,
			`prints "\x1b]0;title\x07\x0dx\u202e"; the plain kernel nothing`},
	} {
		second := c.second
		if second == nil {
			second = c.first
		}
		comparison := &comparison{"/stage", c.twin, c.first, second}
		if got := strings.Join(comparison.differences(), " | "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestPoints(t *testing.T) {
	cell := &notebook.Cell{Type: "code", Source: "x", Grade: &notebook.Grade{ID: "a", Graded: true, Points: 3}}
	for _, c := range []struct {
		name    string
		outputs *execute.Outputs
		want    float64
	}{
		{"nothing", &execute.Outputs{}, 3},
		{"output", &execute.Outputs{Stdout: said("x")}, 3},
		{"an error", raised("E", ""), 0},
		{"standard error", &execute.Outputs{Stderr: said("x")}, 0},
		{"a part", displays(shown(true, "text/plain", "1.5")), 1.5},
		{"a display is none", displays(shown(false, "text/plain", "1.5")), 3},
		{"too much", displays(shown(true, "text/plain", "5")), 3},
		{"less than none", displays(shown(true, "text/plain", "-1")), 3},
		{"a word", displays(shown(true, "text/plain", "True")), 3},
		{"not executed, as it is empty", nil, 3},
	} {
		if got := points(cell, c.outputs); got != c.want {
			t.Errorf("%s: %g points, want %g", c.name, got, c.want)
		}
	}
}

func FuzzCompareText(f *testing.F) {
	f.Add("a\n1", "a\n2", "b\n3")
	f.Fuzz(func(t *testing.T, twin, first, second string) {
		if m := compareText(first, first, second); m != nil {
			t.Errorf("a text differs from itself: %+v", m)
		}
		if m := compareText(twin, first, first); (m == nil) != (twin == first) {
			t.Errorf("%q and %q, which always is the same: %+v", twin, first, m)
		}
	})
}
