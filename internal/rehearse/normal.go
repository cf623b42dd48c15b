package rehearse

import (
	"regexp"
	"strings"
)

var (
	// ansi are colours and other sequences of ECMA-48 that kernels write.
	ansi = regexp.MustCompile(`\x1b\[[0-9;:?]*[ -/]*[@-~]`)

	// address is that of an object in memory, as most languages print it.
	address = regexp.MustCompile(`\b0x[0-9a-fA-F]{5,16}\b`)

	// cellFile is the name that ipykernel gives a cell's source.
	cellFile = regexp.MustCompile(`(?:/\S*)?/ipykernel_\d+/\d+\.py`)

	// figure is a number, a date or a time.
	figure = regexp.MustCompile(`[-+]?\d[\d.,:eE+-]*`)

	spaces = regexp.MustCompile(`\s+`)
)

// normal returns text without what differs from run to run for any program, and with
// the paths of the real place.
func normal(text, root string) string {
	text = strings.ReplaceAll(text, root, "")
	text = ansi.ReplaceAllString(text, "")
	text = address.ReplaceAllString(text, "0x…")
	return cellFile.ReplaceAllString(text, "cell.py")
}

// shape returns a line with its figures taken for equal, and its spaces, which align
// them.
func shape(line string) string {
	return spaces.ReplaceAllString(figure.ReplaceAllString(line, "#"), " ")
}

// A mismatch is a line of a twin's text, and the plain kernel's in its place.
type mismatch struct{ twin, plain string }

// compareText returns where a twin's text differs from that of two plain runs, both
// normal; nil: nowhere, or only where these differ as well.
//
// Where lines differ only in figures, those don't count in the twin's line either, nor
// in other lines of the same shape, which may be the same by chance. Where lines
// differ in more, nothing of them counts; and where their number differs, nothing of
// the text.
func compareText(twin, first, second string) *mismatch {
	t, a, b := strings.Split(twin, "\n"), strings.Split(first, "\n"), strings.Split(second, "\n")
	if len(a) != len(b) {
		return nil
	}
	varying := map[string]bool{}
	for i := range a {
		if a[i] != b[i] {
			varying[shape(a[i])] = true
		}
	}

	for i := range max(len(a), len(t)) {
		switch {
		case i >= len(a):
			return &mismatch{twin: t[i]}
		case i >= len(t):
			return &mismatch{plain: a[i]}
		case t[i] == a[i] || t[i] == b[i]:
		case a[i] != b[i] && shape(a[i]) != shape(b[i]): // anything can be there
		case varying[shape(a[i])] && shape(t[i]) == shape(a[i]):
		default:
			return &mismatch{t[i], a[i]}
		}
	}
	return nil
}
