package main

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"isolate-namespace/internal/kernelargv"
	"isolate-namespace/internal/options"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/kernelspec"
	"isolate-namespace/launcher"
)

// sandbox are the options that land in the twin: those of the launcher.
// Kong reads them into a struct that is made from their table.
type sandbox struct{ kong.Plugins }

func newSandbox() sandbox {
	var fields []reflect.StructField
	for i, o := range options.Kernel() {
		tag := fmt.Sprintf("name:%q help:%q", strings.TrimPrefix(o.Name(), "--"), o.Summary()+".")
		if len(o.Names[0]) == 2 {
			tag += fmt.Sprintf(" short:%q", o.Names[0][1:])
		}
		if len(o.Values) > 0 {
			tag += fmt.Sprintf(" placeholder:%q sep:\"none\"", o.Values[0])
		}
		fields = append(fields, reflect.StructField{Name: "Option" + strconv.Itoa(i), Type: flagType(o), Tag: reflect.StructTag(tag)})
	}
	return sandbox{kong.Plugins{reflect.New(reflect.StructOf(fields)).Interface()}}
}

func flagType(o options.Option) reflect.Type {
	switch {
	case o.Implied != "":
		return reflect.TypeFor[impliedValue]()
	case len(o.Values) == 0:
		return reflect.TypeFor[bool]()
	case o.Many:
		return reflect.TypeFor[[]string]()
	}
	return reflect.TypeFor[string]()
}

// impliedValue is the value of an option that means one without any. Kong knows only
// flags of this kind, which take a value after "=", too.
type impliedValue string

// IsBool says that no value needs to follow.
func (*impliedValue) IsBool() bool { return true }

// Decode takes the value after "=", or leaves " ".
func (v *impliedValue) Decode(c *kong.DecodeContext) error {
	*v = withoutValue
	if token := c.Scan.Peek(); token.Type == kong.FlagValueToken {
		*v = impliedValue(c.Scan.Pop().String())
	}
	return nil
}

const withoutValue = " "

// options returns those that a person gave.
func (b sandbox) options() (given kernelargv.Options) {
	flags := reflect.ValueOf(b.Plugins[0]).Elem()
	for i, o := range options.Kernel() {
		switch value := flags.Field(i).Interface().(type) {
		case bool:
			if value {
				given = append(given, kernelargv.New(o.Name(), ""))
			}
		case []string:
			for _, each := range value {
				given = append(given, kernelargv.New(o.Name(), each))
			}
		case impliedValue:
			switch value {
			case "":
			case withoutValue:
				given = append(given, kernelargv.New(o.Name(), o.Implied))
			default:
				given = append(given, kernelargv.New(o.Name(), string(value)))
			}
		case string:
			if value != "" {
				given = append(given, kernelargv.New(o.Name(), value))
			}
		}
	}
	return given
}

// check refuses what the launcher would, and what front ends would change.
func check(given kernelargv.Options) error {
	if err := launcher.CheckOptions(given.Words()); err != nil {
		return err
	}
	for _, word := range given.Words() {
		if strings.ContainsAny(word, "{}") {
			return &kernelspec.Error{
				Reason: fmt.Sprintf("%q has a brace, which front ends take for a placeholder", word),
				Remedy: remedy.UseNoBraces,
			}
		}
	}
	return nil
}

// warn says what a person may not expect of options.
func (s *session) warn(given kernelargv.Options) {
	if slices.Contains(given.Values("--network"), "host") {
		s.notes([]string{"--network host shows the kernel every service on this machine's loopback interface, " +
			"the Jupyter server and other kernels' output among them"})
	}
	s.notes(reaches(slices.Concat(given.Values("--connect"), given.Values("--allow-host"))))
	s.notes(opens(given.Values("--device"), given.Values("--gpu")))
}
