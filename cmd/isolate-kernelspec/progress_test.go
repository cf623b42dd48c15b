package main

import "testing"

func TestLastOf(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{{"short, 1 s", 80, "short, 1 s"}, {"a/long/path.ipynb: cell 3, 1 s", 12, "…ell 3, 1 s"}, {"éé", 2, "…"}, {"x", 1, "…"}, {"x", 0, "…"}} {
		if got := lastOf(c.line, c.width); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.line, c.width, got, c.want)
		}
	}
}
