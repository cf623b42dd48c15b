package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A sample is a figure's values, of one peer, in one unit.
type sample []float64

// quantile is the value that a part of all is below.
func (s sample) quantile(part float64) float64 {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[int(part*float64(len(sorted)-1)+0.5)]
}

func (s sample) median() float64 { return s.quantile(0.5) }

// with is the median with the quartiles.
func (s sample) with(unit string) string {
	digits := 1
	if s.median() >= 100 {
		digits = 0
	} else if s.median() < 1 {
		digits = 2
	}
	return fmt.Sprintf("%.*f %s (%.*f–%.*f)", digits, s.median(), unit, digits, s.quantile(0.25), digits, s.quantile(0.75))
}

// milliseconds are the values of a part of each cost.
func milliseconds(costs []cost, part func(cost) time.Duration) sample {
	var s sample
	for _, c := range costs {
		s = append(s, float64(part(c))/1e6)
	}
	return s
}

func wall(c cost) time.Duration { return c.wall }
func cpu(c cost) time.Duration  { return c.cpu }

// against prints a row that compares ours with theirs and with the most that
// the ratio may be: first the one, then the next.
func against(figure string, ours, theirs sample, unit string, goals ...float64) {
	ratio := ours.median() / theirs.median()
	var judged []string
	for _, goal := range goals {
		judged = append(judged, fmt.Sprintf("at most %.1f: %s", goal, verdict(ratio <= goal)))
	}
	fmt.Printf("| %s | %s | %s | %.2f | %s |\n", figure, ours.with(unit), theirs.with(unit), ratio, strings.Join(judged, "; "))
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "not met"
}
