package manual

import (
	"fmt"
	"strings"
)

// written is when the descriptions were last gone through as a whole.
const written = "2026-11-23"

// Man returns the page in the macros of man(7).
func (p *Page) Man() string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 "+written+" isolate \"User commands\"\n.SH NAME\n%s \\- %s\n", strings.ToUpper(roff(p.Name)), roff(p.Name), roff(p.Summary))
	for _, s := range p.Sections {
		fmt.Fprintf(&b, ".SH %s\n", strings.ToUpper(roff(s.Title)))
		for i, block := range s.Blocks {
			block.man(&b, i == 0)
		}
	}
	return b.String()
}

func (block Block) man(b *strings.Builder, first bool) {
	switch {
	case block.Code:
		if !first {
			b.WriteString(".PP\n")
		}
		fmt.Fprintf(b, ".RS 4\n.nf\n%s\n.fi\n.RE\n", lines(roff(block.Text)))
	case block.Term != "":
		fmt.Fprintf(b, ".TP\n%s\n%s\n", lines(marked(block.Term)), lines(marked(fill(block.Text))))
	default:
		if !first {
			b.WriteString(".PP\n")
		}
		fmt.Fprintln(b, lines(marked(fill(block.Text))))
	}
}

// fill begins each sentence on a new line, as roff wants it, and breaks lines well
// before the 80 bytes that mandoc complains about.
func fill(text string) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column > 60 || column > 0 && strings.HasSuffix(b.String(), "."):
			b.WriteByte('\n')
			column = 0
		case column > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(roff(word))
	}
	return b.String()
}

// marked shows text in backquotes in bold.
func marked(text string) string {
	parts := strings.Split(roff(text), "`")
	for i := 1; i < len(parts); i += 2 {
		parts[i] = `\fB` + parts[i] + `\fR`
	}
	return strings.Join(parts, "")
}

// roff escapes characters that have a meaning in roff. A hyphen becomes a minus
// sign, as people type it for an option.
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "~", `\(ti`, "^", `\(ha`).Replace(text)
}

// lines escapes lines that roff would take for requests.
func lines(text string) string {
	all := strings.Split(text, "\n")
	for i, line := range all {
		if strings.HasPrefix(line, ".") {
			all[i] = `\&` + line
		}
	}
	return strings.Join(all, "\n")
}
