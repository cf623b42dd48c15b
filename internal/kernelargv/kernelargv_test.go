package kernelargv

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"isolate-namespace/internal/options"
)

func words(text string) []string { return strings.Fields(text) }

func TestParse(t *testing.T) {
	tests := []struct {
		name, argv string
		launcher   string
		options    string // name=value, between spaces
		kernel     string
	}{
		{"a plain kernel's", "python -m ipykernel", "", "", "python -m ipykernel"},
		{"nothing", "", "", "", ""},
		{"no options", "/l -- python -m x", "/l", "", "python -m x"},
		{"both forms", "/l --memory 1G --pids=9 -m ro:/x --mount=/y --allow-symlinks --network host -- k -- -m", "/l",
			"--memory=1G --pids=9 --mount=ro:/x --mount=/y --allow-symlinks= --network=host", "k -- -m"},
		{"a value that ends nothing", "/l --env -- -- k", "/l", "--env=--", "k"},
		{"a value with an equals sign", "/l --env A=b --env=B=c -- k", "/l", "--env=A=b --env=B=c", "k"},
		{"an implied value", "/l --gpu --memory 1G --gpu=0,1 -- k", "/l", "--gpu=all --memory=1G --gpu=0,1", "k"},
		{"a mistake", "/l --memroy 1G --memory 2G word -- k", "/l", "--memroy= 1G= --memory=2G word=", "k"},
		{"no value", "/l --memory", "", "", "/l --memory"},
	}
	for _, test := range tests {
		c := Parse(words(test.argv))
		var list []string
		for _, o := range c.Options {
			list = append(list, o.Name+"="+o.Value)
		}
		if c.Launcher != test.launcher || strings.Join(list, " ") != test.options || strings.Join(c.Kernel, " ") != test.kernel {
			t.Errorf("%s: %q, %q, %q", test.name, c.Launcher, list, c.Kernel)
		}
		if got := c.Argv(); !slices.Equal(got, words(test.argv)) {
			t.Errorf("%s is written as %q", test.name, got)
		}
	}
}

// parsed reads options without a command.
func parsed(words []string) Options {
	list, _, _ := parse(words)
	return list
}

// What is written by name is read as the same.
func TestNew(t *testing.T) {
	for _, o := range options.Kernel() {
		value := ""
		if len(o.Values) > 0 {
			value = "some value"
		}
		made := New(o.Name(), value)
		if read := parsed(made.words); len(read) != 1 || !read[0].is(made) {
			t.Errorf("%s is read as %v", o.Name(), read)
		}
	}
}

func TestWithout(t *testing.T) {
	for _, test := range []struct{ had, has, want string }{
		{"", "--memory 1G", ""},
		{"--memory 1G --pids 9", "--memory=2G", "--pids 9"},
		{"-m /x --mount /y", "--mount=/y", "--mount /x"},
		{"--env A --env B=c", "--env A", "--env B=c"},
		{"--allow-symlinks --network host", "", "--allow-symlinks --network host"},
		{"--memroy", "", "--memroy"},
	} {
		var got []string
		for _, o := range parsed(words(test.had)).Without(parsed(words(test.has))) {
			got = append(got, o.String())
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%q without %q is %q", test.had, test.has, got)
		}
	}
}

func TestMerge(t *testing.T) {
	for _, test := range []struct{ name, fresh, made, current, want string }{
		{"nothing has changed", "/l --env A -- k", "/l --env A -- k", "/l --env A -- k", "/l --env A -- k"},
		{"another launcher and kernel", "/m -- k2", "/l -- k", "/l --memory=1G -- k", "/m --memory=1G -- k2"},
		{"a kernel of the person's", "/m -- k2", "/l -- k", "/l -- mine", "/m -- mine"},
		{"variables that come and go", "/l --env B -- k", "/l --env A -- k", "/l --pids 9 --env A -- k", "/l --pids 9 --env B -- k"},
		{"a variable that the person let in too", "/l --env A -- k", "/l -- k", "/l --env=A -- k", "/l --env=A -- k"},
		{"no record", "/m -- k", "/l --pids 9 -- k", "/l --pids 9 -- k", "/m --pids 9 -- k"},
		{"a variable with a value", "/l -- k", "/l --env A -- k", "/l --env A=b -- k", "/l --env A=b -- k"},
	} {
		got := Merge(Parse(words(test.fresh)), Parse(words(test.made)), Parse(words(test.current))).Argv()
		if diff := cmp.Diff(words(test.want), got); diff != "" {
			t.Errorf("%s: want - got +:\n%s", test.name, diff)
		}
	}
}

// A command comes out as it went in, whatever a person wrote.
func FuzzParse(f *testing.F) {
	f.Add("/l --memory 1G -- python")
	f.Add("--")
	f.Fuzz(func(t *testing.T, line string) {
		argv := strings.Split(line, " ")
		if got := Parse(argv).Argv(); !slices.Equal(got, argv) {
			t.Errorf("%q became %q", argv, got)
		}
	})
}
