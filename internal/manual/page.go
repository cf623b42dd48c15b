// Package manual makes the man pages and the shells' completions of the
// commands, at build time, from one description each: the Markdown files beside
// this one with the tables of package options, and for isolate-kernelspec's
// options the model of its parser.
package manual

import (
	"embed"
	"fmt"
	"strings"

	"isolate-namespace/internal/options"
)

//go:embed *.md
var sources embed.FS

// A Page describes one command, or a command of a command.
type Page struct {
	Name, Summary string
	Sections      []Section
	Options       []options.Option // all of them, in order
	Commands      []*Page
	Kernels       string // of which kind the arguments are: plain, isolated or all; else empty
	Files         bool   // the arguments after the first are files
}

// A Section has a title and blocks below it.
type Section struct {
	Title  string
	Blocks []Block
}

// A Block is a paragraph; with Code, lines to be shown as they are; with a
// Term, what the term means.
type Block struct {
	Term, Text string
	Code       bool
}

// Read returns the page of a command that has a description here. A description
// that can't be read is a mistake in this package, which its tests find.
func Read(command string) (*Page, error) {
	source, err := sources.ReadFile(command + ".md")
	if err != nil {
		return nil, fmt.Errorf("read the description of %s: %w", command, err)
	}
	p := &Page{Name: command}
	for paragraph := range strings.SplitSeq(strings.TrimSpace(string(source)), "\n\n") {
		if err := p.add(strings.TrimRight(paragraph, "\n")); err != nil {
			return nil, fmt.Errorf("read the description of %s: %w", command, err)
		}
	}
	return p, nil
}

func (p *Page) add(paragraph string) error {
	if title, found := strings.CutPrefix(paragraph, "## "); found {
		p.Sections = append(p.Sections, Section{Title: title})
		return nil
	}
	if strings.HasPrefix(paragraph, "# ") {
		return nil
	}
	if p.Summary == "" {
		p.Summary = paragraph
		return nil
	}
	if p.Sections == nil {
		return fmt.Errorf("%q is in no section", paragraph)
	}

	section := &p.Sections[len(p.Sections)-1]
	if strings.HasPrefix(paragraph, "    ") {
		code := strings.ReplaceAll("\n"+paragraph, "\n    ", "\n")[1:]
		section.Blocks = append(section.Blocks, Block{Text: code, Code: true})
		return nil
	}

	if table := table(paragraph); table != nil {
		for _, o := range table {
			section.Blocks = append(section.Blocks, Block{Term: term(o), Text: o.Text})
		}
		p.Options = append(p.Options, table...)
		return nil
	}

	term, text, defined := strings.Cut(paragraph, "\n: ")
	if !defined {
		section.Blocks = append(section.Blocks, Block{Text: paragraph})
		return nil
	}

	section.Blocks = append(section.Blocks, Block{Term: term, Text: text})
	return nil
}

// table returns the options that a paragraph such as "{isolate}" stands for, or
// nil.
func table(paragraph string) []options.Option {
	switch paragraph {
	case "{isolate}":
		return options.Isolate()
	case "{bubblewrap}":
		return options.Bubblewrap()
	case "{isolate-kernel}":
		return append(options.Launcher(), options.Common()...)
	case "{common}":
		return options.Common()
	}
	return nil
}

// term returns the option as a man page heads it.
func term(o options.Option) string {
	if o.Implied != "" {
		return "`" + o.Name() + "`[`=`" + o.Values[0] + "]"
	}
	return strings.TrimSpace("`" + strings.Join(o.Names, "`, `") + "` " + strings.Join(o.Values, " "))
}

// Section returns the section of that title, or nil.
func (p *Page) Section(title string) *Section {
	for i := range p.Sections {
		if p.Sections[i].Title == title {
			return &p.Sections[i]
		}
	}
	return nil
}

// AddCommand puts in a command of this command, with its options. It takes
// the options that the page has already, too.
func (p *Page) AddCommand(synopsis string, c *Page) {
	p.Commands = append(p.Commands, c)
	s := p.Section("Commands")
	s.Blocks = append(s.Blocks, Block{Term: "`" + c.Name + "` " + synopsis, Text: c.Summary})
	own := Section{Title: "Options of " + c.Name}
	for _, o := range c.Options {
		own.Blocks = append(own.Blocks, Block{Term: term(o), Text: o.Text})
	}
	c.Options = append(c.Options, options.Help()...)
	if own.Blocks == nil {
		return
	}
	for i := range p.Sections {
		if p.Sections[i].Title == "Examples" {
			p.Sections = append(p.Sections[:i], append([]Section{own}, p.Sections[i:]...)...)
			return
		}
	}
}
