package launcher

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// An Ending says why there is no kernel, or why it has ended. The launcher hands it
// to the error kernel. It names files, and Cell comes from a running notebook, so it
// goes through a pipe: all users can read a command line.
type Ending struct {
	ConnectionFile string
	Status         string // the launcher's exit status, a number
	Limit          string // the limit that ended the kernel in a cell; "" if it was not started
	Cell           string // the header of that cell's request, JSON, as the kernel sent it
	Cause, Remedy  string // why it was not started; the remedy may be empty
}

func (e *Ending) fields() []*string {
	return []*string{&e.ConnectionFile, &e.Status, &e.Limit, &e.Cell, &e.Cause, &e.Remedy}
}

// writeEnding writes each field on a line.
func writeEnding(w io.Writer, e *Ending) {
	for _, field := range e.fields() {
		fmt.Fprintf(w, "%q\n", *field)
	}
}

// ReadEnding reads what writeEnding wrote.
func ReadEnding(r io.Reader) (*Ending, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	e := &Ending{}
	lines, fields := strings.Split(string(text), "\n"), e.fields()
	if len(lines) != len(fields)+1 {
		return nil, errors.New("standard input is not from isolate-kernel")
	}
	for i, field := range fields {
		if *field, err = strconv.Unquote(lines[i]); err != nil {
			return nil, fmt.Errorf("line %d of what isolate-kernel says: %w", i+1, err)
		}
	}
	return e, nil
}

// handOver replaces this process with the error kernel, a command of
// isolate-kernelspec, which lies beside our own program and can do what would
// make this one slow to start. It returns where that fails.
func handOver(e *Ending) {
	self, err := os.Executable()
	if err != nil {
		return
	}
	var text strings.Builder
	writeEnding(&text, e)

	// The pipe holds it all before anybody reads: 64 KiB, or two pages for a
	// user who has very many pipes (pipe(7)).
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return
	}
	if n, err := unix.Write(pipe[1], []byte(text.String())); err != nil || n < text.Len() {
		return
	}
	if err := unix.Dup3(pipe[0], 0, 0); err != nil {
		return
	}
	program := filepath.Join(filepath.Dir(self), "isolate-kernelspec")

	// An interrupt in between would end it.
	signal.Ignore(unix.SIGINT)
	unix.Exec(program, []string{program, "error-kernel"}, os.Environ())
}
