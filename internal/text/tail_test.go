package text

import (
	"strings"
	"testing"
)

func TestTail(t *testing.T) {
	for _, sizes := range [][]int{{}, {0}, {3}, {maxTail}, {maxTail, 1}, {1, maxTail}, {maxTail + 5}, {7, maxTail + 5}, {maxTail - 1, 1, 1, 900}} {
		var tail Tail
		var all strings.Builder
		for i, size := range sizes {
			block := strings.Repeat(string(rune('a'+i)), size)
			all.WriteString(block)
			if n, err := tail.Write([]byte(block)); n != size || err != nil {
				t.Errorf("%v: wrote %d, %v", sizes, n, err)
			}
		}
		want := all.String()
		if want = want[max(0, len(want)-maxTail):]; tail.String() != want {
			t.Errorf("%v: keeps %d bytes, want %d", sizes, len(tail.String()), len(want))
		}
	}

	// However much is written.
	var tail Tail
	block := make([]byte, 30_000)
	for range 1000 {
		tail.Write(block)
	}
	if cap(tail.kept) > 4*maxTail {
		t.Errorf("holds %d bytes", cap(tail.kept))
	}
}
