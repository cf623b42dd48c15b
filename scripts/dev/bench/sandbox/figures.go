package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A sample is a figure's values, of one peer, in one unit.
type sample []float64

// quantile returns the value below which the given part of all values lies.
func (s sample) quantile(part float64) float64 {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[int(part*float64(len(sorted)-1)+0.5)]
}

func (s sample) median() float64 { return s.quantile(0.5) }

// with prints the median and, if there are more values than one, the quartiles.
// It is "" without values.
func (s sample) with(unit string) string {
	if len(s) == 0 {
		return ""
	}
	digits := 2
	if s.median() >= 100 {
		digits = 0
	} else if s.median() >= 10 {
		digits = 1
	}
	text := strings.TrimRight(fmt.Sprintf("%.*f %s", digits, s.median(), unit), " ")
	if len(s) > 1 {
		text += fmt.Sprintf(" (%.*f–%.*f)", digits, s.quantile(0.25), digits, s.quantile(0.75))
	}
	return text
}

// milliseconds returns a part of each cost.
func milliseconds(costs []cost, part func(cost) time.Duration) sample {
	var s sample
	for _, c := range costs {
		s = append(s, float64(part(c))/1e6)
	}
	return s
}

// switches returns the switches between threads of each cost.
func switches(costs []cost) (s sample) {
	for _, c := range costs {
		s = append(s, float64(c.switches))
	}
	return s
}

func wall(c cost) time.Duration { return c.wall }
func cpu(c cost) time.Duration  { return c.cpu }

// A figure is one row of a table: what was measured of ours and of theirs.
type figure struct {
	Name   string    `json:"figure"`
	Unit   string    `json:"unit"`
	Ours   sample    `json:"isolated"`
	Theirs sample    `json:"plain"`  // may be missing
	Ratios []float64 `json:"ratios"` // goals: the most that the ratio of the medians may be
	Most   float64   `json:"most"`   // a goal: the most that our median may be; 0 is none
	Absent string    `json:"absent"` // why there are no values
}

// row returns the figure in Markdown.
func (f figure) row() string {
	if f.Absent != "" {
		return fmt.Sprintf("| %s | %s | | | |", f.Name, f.Absent)
	}
	var ratio string
	var goals []string
	if len(f.Theirs) > 0 {
		r := f.Ours.median() / f.Theirs.median()
		ratio = fmt.Sprintf("%.2f", r)
		for _, goal := range f.Ratios {
			goals = append(goals, fmt.Sprintf("at most %.4g: %s", goal, verdict(r <= goal)))
		}
	}
	if f.Most > 0 {
		goals = append(goals, fmt.Sprintf("at most %s: %s", strings.TrimRight(fmt.Sprintf("%.4g %s", f.Most, f.Unit), " "), verdict(f.Ours.median() <= f.Most)))
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |", f.Name, f.Ours.with(f.Unit), f.Theirs.with(f.Unit), ratio, strings.Join(goals, "; "))
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "not met"
}

// table prints the figures that figures.py has written, one a line, as they come.
func table(lines io.Reader) error {
	fmt.Println("| figure | isolated | plain | ratio | goal |")
	fmt.Println("| --- | --- | --- | --- | --- |")
	for decoder := json.NewDecoder(lines); ; {
		var f figure
		if err := decoder.Decode(&f); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a figure: %w", err)
		}
		fmt.Println(f.row())
	}
}
