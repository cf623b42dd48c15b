package manual

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
	"text/template"

	"isolate-namespace/internal/options"
	"isolate-namespace/internal/text"
)

//go:embed *.tmpl
var templates embed.FS

// Complete returns the command's completion for a shell.
func (p *Page) Complete(shell string) (string, error) {
	t, err := template.New(shell+".tmpl").Funcs(template.FuncMap{
		"kind": kind, "short": short, "quote": text.Quote, "names": names, "zsh": zshOption, "fish": fishOption, "function": function,
	}).ParseFS(templates, shell+".tmpl")
	if err != nil {
		return "", fmt.Errorf("read the template for %s: %w", shell, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return "", fmt.Errorf("write the completion of %s for %s: %w", p.Name, shell, err)
	}
	return b.String(), nil
}

// kind returns what a value can be completed with: dir, file, entries, mode,
// variable, none, or else nothing.
func kind(value string) string {
	if strings.HasSuffix(value, "|none") {
		return "none"
	}
	switch value {
	case "DIR":
		return "dir"
	case "FILE", "PATH", "SOURCE", "TARGET", "/dev/NODE":
		return "file"
	case "ENTRIES":
		return "entries"
	case "MODE":
		return "mode"
	case "NAME[=VALUE]":
		return "variable"
	}
	return "nothing"
}

// short returns the first clause of a command's help.
func short(help string) string {
	help = strings.ReplaceAll(help, "`", "")
	for _, end := range []string{": ", ". "} {
		help, _, _ = strings.Cut(help, end)
	}
	return strings.TrimSuffix(help, ".")
}

// function returns a command's name as part of a function's.
func function(name string) string { return strings.ReplaceAll(name, "-", "_") }

func names(options []options.Option) string {
	var all []string
	for _, o := range options {
		all = append(all, o.Names...)
	}
	return strings.Join(all, " ")
}

// zshOption returns the arguments of _arguments for an option.
func zshOption(command string, o options.Option) string {
	escape := strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`)
	var values strings.Builder
	for _, v := range o.Following() {
		fmt.Fprintf(&values, ":%s:%s", escape.Replace(v), map[string]string{
			"dir": "_files -/", "file": "_files", "entries": "_" + function(command) + "_entries",
			"mode": "(none host)", "none": "(none)", "variable": "( )", "nothing": "( )",
		}[kind(v)])
	}
	var all []string
	for _, name := range o.Names {
		joined := ""
		if len(o.Following()) == 1 && strings.HasPrefix(name, "--") {
			joined = "="
		}
		all = append(all, text.Quote("*"+name+joined+"["+escape.Replace(o.Summary())+"]"+values.String()))
	}
	return strings.Join(all, " ")
}

// fishOption returns the rest of a fish command that declares an option.
func fishOption(command string, o options.Option) string {
	var b strings.Builder
	for _, name := range o.Names {
		if long, found := strings.CutPrefix(name, "--"); found {
			b.WriteString(" -l " + long)
		} else {
			b.WriteString(" -s " + name[1:])
		}
	}
	b.WriteString(" -d " + text.Quote(o.Summary()))
	if len(o.Following()) > 0 {
		b.WriteString(map[string]string{
			"dir": " -x -a '(__fish_complete_directories)'", "file": " -r -F", "entries": " -x -a '(__" + function(command) + "_entries)'",
			"mode": " -x -a 'none host'", "none": " -x -a none", "variable": " -x -a '(set -nx)'", "nothing": " -x",
		}[kind(o.Following()[0])])
	}
	return b.String()
}
