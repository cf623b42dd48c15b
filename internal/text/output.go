package text

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/sys/unix"
)

// An Output is where a command speaks to a person. It prints only what is
// Printable, and line ends only where Write and Lines get them, for text whose
// lines are the command's own. After an error it prints nothing more.
type Output struct {
	w   io.Writer
	raw bool // a terminal in raw mode, which goes down a line, and not back
	err error
}

// NewOutput returns the Output that writes to w.
func NewOutput(w io.Writer) *Output { return &Output{w: w} }

// Raw lets lines begin at the left where o writes to a terminal that is in raw
// mode.
func (o *Output) Raw() *Output {
	if f, ok := o.w.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		o.raw = err == nil
	}
	return o
}

// Err returns the first error of all writing.
func (o *Output) Err() error { return o.err }

// Line formats one line and writes it, with its end.
func (o *Output) Line(format string, args ...any) {
	o.Lines(Line(fmt.Sprintf(format, args...)) + "\n")
}

// Lines writes text with line ends of its own.
func (o *Output) Lines(text string) { o.Write([]byte(text)) }

// Complain writes a Complaint.
func (o *Output) Complain(command, reason, remedy string) {
	o.Lines(Complaint(command, reason, remedy))
}

// Write is Lines as an io.Writer.
func (o *Output) Write(text []byte) (int, error) {
	if o.err == nil {
		printable := Printable(string(text))
		if o.raw {
			printable = strings.ReplaceAll(printable, "\n", "\r\n")
		}
		_, o.err = io.WriteString(o.w, printable)
	}
	return len(text), o.err
}

// A Table has columns as wide as what they hold.
type Table struct{ w *tabwriter.Writer }

// Table begins a table, which End writes.
func (o *Output) Table() Table { return Table{tabwriter.NewWriter(o, 0, 0, 2, ' ', 0)} }

// Row adds a row. A cell has one line.
func (t Table) Row(cells ...string) {
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(t.w, "\t")
		}
		fmt.Fprint(t.w, Line(cell))
	}
	fmt.Fprintln(t.w)
}

// End writes the table.
func (t Table) End() { t.w.Flush() }
