package notebook

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const graded = `{
 "nbformat": 4, "nbformat_minor": 5,
 "metadata": {"kernelspec": {"name": "python3", "language": "Python"}, "language_info": {"name": "other"}},
 "cells": [
  {"cell_type": "markdown", "source": ["# One\n", "two"], "metadata": {}},
  {"cell_type": "code", "id": "a1", "source": "x = 1", "outputs": [{"anything": 1}], "metadata": {"tags": ["raises-exception", 3]}},
  {"cell_type": "code", "source": ["assert x"], "metadata": {"nbgrader": {"grade": true, "solution": false, "grade_id": "test", "points": "2.5"}}},
  {"cell_type": "code", "source": " \n", "metadata": {"nbgrader": {"grade": true, "solution": true, "grade_id": "manual", "points": 3}}},
  {"cell_type": "code", "source": "y", "metadata": {"tags": ["skip-execution"]}}
 ]}`

func TestParse(t *testing.T) {
	n, err := Parse([]byte(graded))
	if err != nil {
		t.Fatal(err)
	}
	want := &Notebook{Kernel: "python3", Language: "python", Cells: []Cell{
		{Type: "markdown", Source: "# One\ntwo"},
		{Type: "code", ID: "a1", Source: "x = 1", Tags: []string{"raises-exception", ""}},
		{Type: "code", Source: "assert x", Grade: &Grade{ID: "test", Graded: true, Points: 2.5}},
		{Type: "code", Source: " \n", Grade: &Grade{ID: "manual", Graded: true, Solution: true, Points: 3}},
		{Type: "code", Source: "y", Tags: []string{"skip-execution"}},
	}}
	if diff := cmp.Diff(want, n); diff != "" {
		t.Error(diff)
	}

	var executed, points []int
	for i := range n.Cells {
		if n.Cells[i].Executed() {
			executed = append(executed, i)
		}
		if n.Cells[i].AutoGraded() {
			points = append(points, i)
		}
	}
	if !cmp.Equal(executed, []int{1, 2}) || !cmp.Equal(points, []int{2}) {
		t.Errorf("executed %v, graded %v", executed, points)
	}
}

func TestParseWhatIsNone(t *testing.T) {
	for text, want := range map[string]string{
		``:                                  "not a notebook",
		`[]`:                                "not a notebook",
		`{"cells": []}`:                     "it has no nbformat",
		`{"nbformat": 3, "worksheets": []}`: "format 3, not 4; open it in Jupyter",
		`{"nbformat": 4, "cells": [{"cell_type": "code", "source": {}}]}`: "a cell's source is no text",
		`{"nbformat": 4, "cells": 1}`:                                     "not a notebook",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}

	// Metadata that no tool writes isn't there.
	n, err := Parse([]byte(`{"nbformat": 4, "metadata": {"kernelspec": {"name": 1}}, "cells": [
		{"cell_type": "code", "source": "x", "metadata": {"tags": 5, "nbgrader": {"grade_id": [], "points": {}}}}]}`))
	if err != nil || n.Kernel != "" || n.Cells[0].Grade != nil || n.Cells[0].Tags != nil {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(filepath.Join(dir, "none.ipynb")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Read("/dev/zero"); err == nil {
		t.Error("a device is read")
	}
	path := filepath.Join(dir, "a.ipynb")
	if err := os.WriteFile(path, []byte(graded), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(graded))
	f.Add([]byte(`{"nbformat": 4, "cells": [{"metadata": {"nbgrader": null, "tags": null}, "source": null}, null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := Parse(data)
		if (n == nil) == (err == nil) {
			t.Fatalf("%v, %v", n, err)
		}
		if err != nil {
			return
		}
		for i := range n.Cells {
			if c := &n.Cells[i]; c.AutoGraded() && (c.Type != "code" || c.Grade.ID == "") {
				t.Errorf("%+v is graded", c)
			}
		}
	})
}
