package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns lines of text in which nothing steers a terminal or changes
// how the rest looks: control characters of ASCII (as \x1b) and of Unicode (as
// \u009b), characters that have no shape and set the direction of others or
// join them (\u202e), other line ends than \n, and bytes that are no UTF-8
// (\xff). Line ends and tabs stay.
func Printable(text string) string { return escape(text, isUnprintable) }

// Line is Printable for what stands in a line, or in a cell of a table: line
// ends (\n) and tabs (\t) are escaped too.
func Line(text string) string {
	return escape(text, func(r rune) bool { return r == '\n' || r == '\t' || isUnprintable(r) })
}

// Complaint returns the line in which a command says what went wrong: the
// reason first, then the remedy, which may be empty.
func Complaint(command, reason, remedy string) string {
	if remedy != "" {
		reason += "; " + remedy
	}
	return Line(command+": "+reason) + "\n"
}

// isUnprintable includes utf8.RuneError, which stands for a byte that is none.
func isUnprintable(r rune) bool {
	if r < 0x7f {
		return r < ' ' && r != '\n' && r != '\t'
	}
	return r < 0xa0 || r == utf8.RuneError || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

func escape(text string, escaped func(rune) bool) string {
	if !strings.ContainsFunc(text, escaped) {
		return text
	}

	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case !escaped(r) || r == utf8.RuneError && size > 1: // the character itself
			b.WriteString(text[:size])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		text = text[size:]
	}

	return b.String()
}
