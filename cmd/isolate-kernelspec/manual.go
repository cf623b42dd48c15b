package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"isolate-namespace/internal/manual"
	"isolate-namespace/internal/options"
)

// writeManual makes the man pages and completions; scripts/build runs it.
type writeManual struct {
	Dir string `arg:"" help:"Write below this directory."`
}

// Run writes them at the places below DIR where they are looked for below
// PREFIX/share.
func (c *writeManual) Run(_ *session, parsed *kong.Context) error {
	for _, name := range []string{"isolate", "isolate-kernel", "isolate-kernelspec", "isolate-network"} {
		page, err := manual.Read(name)
		if err != nil {
			return err
		}
		if name == "isolate-kernelspec" {
			describe(page, parsed.Model.Node)
		}

		files := map[string]string{"man/man1/" + name + ".1": page.Man()}
		for shell, path := range map[string]string{
			"bash": "bash-completion/completions/" + name, "zsh": "zsh/site-functions/_" + name,
			"fish": "fish/vendor_completions.d/" + name + ".fish",
		} {
			if files[path], err = page.Complete(shell); err != nil {
				return err
			}
		}

		for path, text := range files {
			path = filepath.Join(c.Dir, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// describe puts the commands that the parser has into the page.
func describe(page *manual.Page, model *kong.Node) {
	for _, node := range model.Children {
		if node.Hidden {
			continue
		}
		command := &manual.Page{Name: node.Name, Summary: node.Help, Options: flags(node)}
		synopsis := "[OPTIONS]"
		for _, argument := range node.Positional {
			synopsis += " " + strings.ToUpper(argument.Name)
			if argument.IsCumulative() {
				synopsis += "..."
			}
			if kernels := argument.Tag.Get("kernels"); kernels != "" {
				command.Kernels = kernels
			} else {
				command.Files = true
			}
		}
		page.AddCommand(synopsis, command)
	}
}

func flags(node *kong.Node) (all []options.Option) {
	for _, flag := range node.Flags {
		o := options.Option{Names: []string{"--" + flag.Name}, Text: flag.Help}
		if flag.Short != 0 {
			o.Names = append([]string{"-" + string(flag.Short)}, o.Names...)
		}
		if !flag.IsBool() {
			o.Values = []string{flag.FormatPlaceHolder()}
		}
		all = append(all, o)
	}
	return all
}

// listNames prints the names of kernels, for the shells' completions.
type listNames struct {
	Kind string `arg:"" enum:"plain,isolated,all" help:"Of which kernels."`
}

// Run prints a name on each line.
func (c *listNames) Run(s *session) error {
	jupyter, err := findJupyter()
	if err != nil {
		return err
	}
	var names []string
	if c.Kind != "isolated" {
		names = jupyter.Names()
	}
	if c.Kind != "plain" {
		names = append(names, jupyter.TwinNames()...)
	}
	for _, name := range names {
		s.stdout.Line("%s", name)
	}
	return nil
}
