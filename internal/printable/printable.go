// Package printable keeps what strangers have named, files above all, from
// steering the terminal that it is shown on.
package printable

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Text is text with control characters, of ASCII and of Unicode, and what is no
// UTF-8 written as \x and two digits for each byte. Line ends and tabs stay.
func Text(text string) string {
	if !strings.ContainsFunc(text, isControl) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if isControl(r) {
			for _, c := range []byte(text[:size]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		} else {
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}

// isControl includes utf8.RuneError, which stands for a byte that is none.
func isControl(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError
}
