// Package notebook reads Jupyter notebooks, as far as executing and grading them
// needs it: their cells without outputs.
//
// Source: https://nbformat.readthedocs.io/en/latest/format_description.html
package notebook

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"isolate-namespace/internal/regular"
)

// maxSize is more than any notebook has, in bytes, most of it in outputs.
const maxSize = 256 << 20

// A Notebook is what a kernel executes.
type Notebook struct {
	Kernel   string // the name of the kernel that it asks for; it may be empty
	Language string // of its kernel, in lower case; it may be empty
	Cells    []Cell
}

// A Cell is one of a notebook's.
type Cell struct {
	Type   string // code, markdown or raw
	ID     string // it may be empty
	Source string
	Tags   []string
	Grade  *Grade // nil if nbgrader doesn't know the cell
}

// A Grade is what nbgrader writes into a cell.
type Grade struct {
	ID       string // nbgrader's name of the cell
	Graded   bool   // it has points
	Solution bool   // a student writes it; if it is graded, a person does that
	Points   float64
}

// Executed reports whether nbclient has a kernel execute the cell.
func (c *Cell) Executed() bool {
	return c.Type == "code" && strings.TrimSpace(c.Source) != "" && !c.Tagged("skip-execution")
}

// Tagged reports whether the cell has a tag.
func (c *Cell) Tagged(tag string) bool { return slices.Contains(c.Tags, tag) }

// AutoGraded reports whether nbgrader gives the cell points by itself.
func (c *Cell) AutoGraded() bool {
	return c.Type == "code" && c.Grade != nil && c.Grade.Graded && !c.Grade.Solution
}

// Read reads the notebook at path.
func Read(path string) (*Notebook, error) {
	data, err := regular.Read(path, maxSize)
	if err != nil {
		return nil, err
	}
	return Parse(data)
}

// file is a notebook of format 4 on disk.
type file struct {
	Format   *float64 `json:"nbformat"`
	Metadata struct {
		Kernel struct {
			Name     loose `json:"name"`
			Language loose `json:"language"`
		} `json:"kernelspec"`
		Language struct {
			Name loose `json:"name"`
		} `json:"language_info"`
	} `json:"metadata"`
	Cells []cell `json:"cells"`
}

type cell struct {
	Type     string `json:"cell_type"`
	ID       loose  `json:"id"`
	Source   lines  `json:"source"`
	Metadata struct {
		Tags     tags   `json:"tags"`
		NBGrader *grade `json:"nbgrader"`
	} `json:"metadata"`
}

type grade struct {
	ID       loose  `json:"grade_id"`
	Graded   truth  `json:"grade"`
	Solution truth  `json:"solution"`
	Points   number `json:"points"`
}

// Parse reads a notebook. Metadata that isn't as its tools write it counts as not
// there.
func Parse(data []byte) (*Notebook, error) {
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("not a notebook: %w", err)
	}
	switch {
	case f.Format == nil:
		return nil, errors.New("not a notebook: it has no nbformat")
	case *f.Format != 4:
		return nil, fmt.Errorf("a notebook of format %g, not 4; open it in Jupyter and save it", *f.Format)
	}

	n := &Notebook{Kernel: string(f.Metadata.Kernel.Name), Language: strings.ToLower(string(f.Metadata.Kernel.Language))}
	if n.Language == "" {
		n.Language = strings.ToLower(string(f.Metadata.Language.Name))
	}
	for _, c := range f.Cells {
		read := Cell{Type: c.Type, ID: string(c.ID), Source: string(c.Source), Tags: c.Metadata.Tags}
		if g := c.Metadata.NBGrader; g != nil && g.ID != "" {
			read.Grade = &Grade{ID: string(g.ID), Graded: bool(g.Graded), Solution: bool(g.Solution), Points: float64(g.Points)}
		}
		n.Cells = append(n.Cells, read)
	}
	return n, nil
}

// lines is text that is written whole, or line by line.
type lines string

func (l *lines) UnmarshalJSON(data []byte) error {
	var whole string
	if json.Unmarshal(data, &whole) == nil {
		*l = lines(whole)
		return nil
	}
	var parts []string
	if err := json.Unmarshal(data, &parts); err != nil {
		return errors.New("a cell's source is no text")
	}
	*l = lines(strings.Join(parts, ""))
	return nil
}

// loose is text, or nothing.
type loose string

func (l *loose) UnmarshalJSON(data []byte) error {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	text, _ := value.(string)
	*l = loose(text)
	return nil
}

// tags are those of a list that are text.
type tags []string

func (t *tags) UnmarshalJSON(data []byte) error {
	var all []loose
	if json.Unmarshal(data, &all) != nil {
		return nil
	}
	for _, tag := range all {
		*t = append(*t, string(tag))
	}
	return nil
}

// truth is what Python takes for true, as nbgrader does.
type truth bool

func (t *truth) UnmarshalJSON(data []byte) error {
	word := string(data)
	*t = truth(!slices.Contains([]string{"false", "null", "0", "0.0", `""`, "[]", "{}"}, word))
	return nil
}

// number is what Python's float takes.
type number float64

func (n *number) UnmarshalJSON(data []byte) error {
	value, err := strconv.ParseFloat(strings.Trim(strings.Trim(string(data), `"`), " "), 64)
	if err == nil {
		*n = number(value)
	}
	return nil
}
