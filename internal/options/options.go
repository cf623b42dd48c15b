// Package options lists the options of isolate and isolate-kernel, with what a
// person reads about them: --help, the man pages, the completions and
// isolate-kernelspec install come from its tables. What an option does is in the
// command itself, in its function set.
package options

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// An Option is one option by all its names.
type Option struct {
	Names  []string // with their dashes; set gets the first long one
	Values []string // what follows it, as in "SIZE|none"
	// Implied is the value if none follows after "=". The option has one value then,
	// which can't follow after a space.
	Implied string
	Text    string // Markdown; the first sentence is a line of --help
	Limit   bool   // it bounds what the kernel uses
	Many    bool   // each value counts, not only the last one
}

// Name returns the first long name.
func (o Option) Name() string {
	for _, name := range o.Names {
		if strings.HasPrefix(name, "--") {
			return name
		}
	}
	return o.Names[0]
}

// Following returns the values that follow the option after a space.
func (o Option) Following() []string {
	if o.Implied != "" {
		return nil
	}
	return o.Values
}

// Term returns the option's name with its values.
func (o Option) Term() string {
	if o.Implied != "" {
		return o.Name() + "[=" + o.Values[0] + "]"
	}
	return strings.TrimRight(o.Name()+" "+strings.Join(o.Values, " "), " ")
}

// Summary returns the first sentence of the text, without marks and its full stop.
func (o Option) Summary() string {
	text := strings.ReplaceAll(strings.ReplaceAll(o.Text, "\n", " "), "`", "")
	first, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(first, ".")
}

// Find returns the option of that name.
func Find(table []Option, name string) (Option, bool) {
	at := slices.IndexFunc(table, func(o Option) bool { return slices.Contains(o.Names, name) })
	if at < 0 {
		return Option{}, false
	}
	return table[at], true
}

// A ValueError is the error for a value that an option can't have.
type ValueError struct {
	Name   string
	Values []string
	Err    error
}

func (e *ValueError) Error() string {
	text := e.Name
	for _, v := range e.Values {
		text += fmt.Sprintf(" %.40q", v)
	}
	return text + ": " + e.Err.Error()
}

func (e *ValueError) Unwrap() error { return e.Err }

// ErrNoEffect is for set to return for an option that it doesn't know.
var ErrNoEffect = errors.New("it is described and does nothing")

// Parse passes each option at the beginning of args to set, by its Name and with its
// values. Options end with "--" (ended is true then) or with the first word that
// doesn't begin with a dash. A single value may follow after "=". The first error of
// set ends it, as a *ValueError.
func Parse(table []Option, args []string, set func(name string, values []string) error) (rest []string, ended bool, err error) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		if args[0] == "--" {
			return args[1:], true, nil
		}
		name, value, joined := strings.Cut(args[0], "=")
		args = args[1:]
		o, known := Find(table, name)
		if o.Implied != "" && !joined {
			value, joined = o.Implied, true
		}
		count := len(o.Values)
		switch {
		case !known:
			return nil, false, fmt.Errorf("%.40q is no option", name)
		case joined && count == 1:
			args = slices.Concat([]string{value}, args)
		case joined && count == 0:
			return nil, false, fmt.Errorf("%s takes no value", name)
		case joined:
			return nil, false, fmt.Errorf("%s takes %d values, after it", name, count)
		case len(args) < count && count == 1:
			return nil, false, fmt.Errorf("%s needs a value", name)
		case len(args) < count:
			return nil, false, fmt.Errorf("%s needs %d values", name, count)
		}
		if err := set(o.Name(), args[:count]); err != nil {
			return nil, false, &ValueError{name, args[:count], err}
		}
		args = args[count:]
	}
	return args, false, nil
}

// Lines returns the table as lines of --help, which has a short and a long name for
// each option.
func Lines(table []Option) string {
	var b strings.Builder
	for _, o := range table {
		left := "      "
		if short := o.Names[0]; len(short) == 2 {
			left = "  " + short + ", "
		}
		fmt.Fprintf(&b, "%-27s %s\n", left+o.Term(), o.Summary())
	}
	return b.String()
}

// Names returns the options' names, separated by commas, in lines no longer than
// those of --help.
func Names(table []Option) string {
	var b strings.Builder
	column := 0
	for i, o := range table {
		word := o.Name()
		if i < len(table)-1 {
			word += ","
		}
		switch {
		case column+1+len(word) > 80:
			b.WriteByte('\n')
			column = 0
		case column > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
