// Package kernelargv reads, writes, merges and compares the command line in a
// twin's kernel.json:
//
//	isolate-kernel [OPTIONS] -- COMMAND [ARG...]
//
// People edit it by hand. What the launcher doesn't understand is kept unchanged; the
// launcher refuses it.
package kernelargv

import (
	"slices"
	"strings"

	"isolate-namespace/internal/options"
	"isolate-namespace/internal/text"
)

// A Command is the argv of a kernel.json. That of a plain kernel has no launcher
// and no options.
type Command struct {
	Launcher string // the path of isolate-kernel
	Options  Options
	Kernel   []string // the kernel's own command
}

// Options are the launcher's, in their order.
type Options []Option

// An Option is one of the launcher's options.
type Option struct {
	Name  string // the first long one
	Value string // "" if it takes none
	words []string
}

// Parse reads the argv of a kernel.json.
func Parse(argv []string) Command {
	if len(argv) == 0 || argv[0] == "" {
		return Command{Kernel: argv}
	}
	list, kernel, ended := parse(argv[1:])
	if !ended {
		return Command{Kernel: argv}
	}
	return Command{Launcher: argv[0], Options: list, Kernel: kernel}
}

// parse reads options up to "--", if there is one.
func parse(words []string) (list Options, rest []string, ended bool) {
	table := options.Launcher()
	for len(words) > 0 {
		if words[0] == "--" {
			return list, words[1:], true
		}
		name, value, joined := strings.Cut(words[0], "=")
		length := 1
		known, found := options.Find(table, name)
		if found {
			name = known.Name()
		}
		if !joined {
			value = known.Implied
		}
		if found && len(known.Following()) > 0 && !joined && len(words) > 1 {
			value, length = words[1], 2
		}
		list = append(list, Option{name, value, words[:length]})
		words = words[length:]
	}
	return list, nil, false
}

// New returns an option with a value, or with "" if it takes none.
func New(name, value string) Option {
	switch o, _ := options.Find(options.Launcher(), name); {
	case o.Implied != "":
		return Option{name, value, []string{name + "=" + value}}
	case len(o.Values) == 0:
		return Option{name, "", []string{name}}
	}
	return Option{name, value, []string{name, value}}
}

// Argv returns the command as a kernel.json has it.
func (c Command) Argv() []string {
	if c.Launcher == "" {
		return c.Kernel
	}
	return slices.Concat([]string{c.Launcher}, c.Options.Words(), []string{"--"}, c.Kernel)
}

// Words returns the options as somebody wrote them.
func (o Options) Words() []string {
	var words []string
	for _, option := range o {
		words = append(words, option.words...)
	}
	return words
}

// Values returns the values of the option of that name.
func (o Options) Values(name string) []string {
	var values []string
	for _, option := range o {
		if option.Name == name {
			values = append(values, option.Value)
		}
	}
	return values
}

// Without returns the options that others lack. An option that others set to another
// value isn't lacking, unless each of its values counts.
func (o Options) Without(others Options) Options {
	var lacking Options
	for _, option := range o {
		known, _ := options.Find(options.Launcher(), option.Name)
		if !slices.ContainsFunc(others, func(other Option) bool {
			return other.Name == option.Name && (!known.Many || other.Value == option.Value)
		}) {
			lacking = append(lacking, option)
		}
	}
	return lacking
}

// With returns the options with others added to them. Another value of an option takes
// the place of the one before, unless each of its values counts.
func (o Options) With(added Options) Options {
	all := slices.Clone(o)
	for _, option := range added {
		known, _ := options.Find(options.Launcher(), option.Name)
		if !known.Many {
			all = slices.DeleteFunc(all, func(other Option) bool { return other.Name == option.Name })
		}
		if !slices.ContainsFunc(all, option.is) {
			all = append(all, option)
		}
	}
	return all
}

// String returns the option as a shell reads it.
func (o Option) String() string {
	if len(o.words) == 1 && !strings.Contains(o.words[0], "=") {
		return o.Name
	}
	if known, _ := options.Find(options.Launcher(), o.Name); known.Implied != "" {
		return o.Name + "=" + text.Quote(o.Value)
	}
	return o.Name + " " + text.Quote(o.Value)
}

// IsLimit reports whether the option bounds what the kernel uses.
func (o Option) IsLimit() bool {
	known, _ := options.Find(options.Launcher(), o.Name)
	return known.Limit
}

func (o Option) is(other Option) bool { return o.Name == other.Name && o.Value == other.Value }

// Merge makes a command again that a person may have changed: made is the command as it
// was made, current as it is now, and fresh as it would be made now. The result has the
// launcher of fresh, and its kernel unless the person has changed that. It has the
// person's options and those of fresh, without variables that made lets in and fresh
// doesn't.
func Merge(fresh, made, current Command) Command {
	merged := Command{Launcher: fresh.Launcher, Options: slices.Clone(current.Options), Kernel: fresh.Kernel}
	for _, o := range made.Options {
		if o.Name == "--env" && !slices.ContainsFunc(fresh.Options, o.is) {
			if at := slices.IndexFunc(merged.Options, o.is); at >= 0 {
				merged.Options = slices.Delete(merged.Options, at, at+1)
			}
		}
	}
	for _, o := range fresh.Options {
		if !slices.ContainsFunc(merged.Options, o.is) {
			merged.Options = append(merged.Options, o)
		}
	}
	if !slices.Equal(current.Kernel, made.Kernel) {
		merged.Kernel = current.Kernel
	}
	return merged
}
