package options

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	table := []Option{
		{Names: []string{"-m", "--mount", "--mnt"}, Values: []string{"ENTRIES"}},
		{Names: []string{"--bind"}, Values: []string{"SOURCE", "TARGET"}},
		{Names: []string{"-v", "--verbose"}},
		{Names: []string{"--gpu"}, Values: []string{"all|0,1"}, Implied: "all"},
	}
	bad := errors.New("bad")

	tests := []struct {
		name, args string
		set        string // what set is called with
		rest       string
		ended      bool
		err        string
	}{
		{name: "nothing"},
		{name: "a program", args: "ls -v", rest: "ls -v"},
		{name: "every name", args: "-m a --mnt b --mount c -v ls", set: "--mount a|--mount b|--mount c|--verbose", rest: "ls"},
		{name: "joined", args: "--mount=a=b -m=c", set: "--mount a=b|--mount c"},
		{name: "an empty value", args: "--mount= -v", set: "--mount |--verbose"},
		{name: "two values", args: "--bind a --bind ls", set: "--bind a --bind", rest: "ls"},
		{name: "the end", args: "-v -- -v", set: "--verbose", rest: "-v", ended: true},
		{name: "the end as a value", args: "-m -- ls", set: "--mount --", rest: "ls"},
		{name: "a dash", args: "-v - x", set: "--verbose", rest: "- x"},
		{name: "an implied value", args: "--gpu ls", set: "--gpu all", rest: "ls"},
		{name: "in place of an implied value", args: "--gpu=0,1 ls", set: "--gpu 0,1", rest: "ls"},
		{name: "an unknown one", args: "--cover", err: `"--cover" is no option`},
		{name: "no value", args: "-v --mount", set: "--verbose", err: "--mount needs a value"},
		{name: "one value of two", args: "--bind a", err: "--bind needs 2 values"},
		{name: "two values joined", args: "--bind=a b", err: "--bind takes 2 values, after it"},
		{name: "a value that isn't taken", args: "-v=1", err: "-v takes no value"},
		{name: "a value that is refused", args: "-v --mnt bad -v", set: "--verbose|--mount bad", err: `--mnt "bad": bad`},
	}
	for _, test := range tests {
		var calls []string
		set := func(name string, values []string) error {
			calls = append(calls, strings.Join(append([]string{name}, values...), " "))
			if slices.Contains(values, "bad") {
				return bad
			}
			return nil
		}
		var args []string
		if test.args != "" {
			args = strings.Split(test.args, " ")
		}
		rest, ended, err := Parse(table, args, set)
		said := ""
		if err != nil {
			said = err.Error()
		}
		if strings.Join(calls, "|") != test.set || strings.Join(rest, " ") != test.rest || ended != test.ended || said != test.err {
			t.Errorf("%s: %q, rest %q, ended %v, %v", test.name, calls, rest, ended, err)
		}
	}
}

// Each option is said on one line, and each name once.
func TestTables(t *testing.T) {
	for name, table := range map[string][]Option{
		"isolate": slices.Concat(Isolate(), Bubblewrap()), "isolate-kernel": slices.Concat(Launcher(), Common()),
	} {
		seen := map[string]bool{}
		for _, o := range table {
			for _, n := range o.Names {
				if seen[n] {
					t.Errorf("%s has %s twice", name, n)
				}
				seen[n] = true
			}
			if o.Summary() == "" || !strings.HasSuffix(o.Text, ".") {
				t.Errorf("%s of %s has no sentence", o.Name(), name)
			}
		}
		for line := range strings.Lines(Lines(table)) {
			if len(line) > 80 {
				t.Errorf("%s: this line is too long: %s", name, line)
			}
		}
	}
}
