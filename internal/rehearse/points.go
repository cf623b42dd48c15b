package rehearse

import (
	"math"
	"strconv"
	"strings"

	"isolate-namespace/internal/execute"
	"isolate-namespace/internal/notebook"
)

// points returns what nbgrader gives a cell that it grades by itself
// (nbgrader.utils.determine_grade): nothing for an error or a word on standard
// error, a part if its value is a number, otherwise all. A cell that wasn't executed
// keeps its points if it is empty.
func points(c *notebook.Cell, o *execute.Outputs) float64 {
	if o == nil {
		return c.Grade.Points
	}
	if len(o.Errors) > 0 || o.Stderr != nil {
		return 0
	}
	for _, d := range o.Displays {
		if value := d.Data["text/plain"]; d.Result && value != nil {
			return partial(value.Start(), c.Grade.Points)
		}
	}
	return c.Grade.Points
}

// partial reads a value as a part of the points (nbgrader.utils.get_partial_grade).
func partial(value string, most float64) float64 {
	number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || math.IsNaN(number) || number < 0 {
		return most
	}
	return min(number, most)
}
