package kernelspec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func badName(name string) error {
	return &Error{Reason: fmt.Sprintf("%q is no kernel's name", name), Remedy: "a name has letters, digits, dots, dashes and underscores"}
}

// installOrRemove is what helps an isolated kernel whose base is gone.
func installOrRemove(in *Installed) string {
	return "install " + in.Base + " again, or isolate-kernelspec remove " + in.Name
}

func (j *Jupyter) notFound(name string) error {
	names := slices.Sorted(maps.Keys(j.specs))
	if len(names) == 0 {
		return &Error{Reason: fmt.Sprintf("no kernel %q, nor any other, in %s", name, strings.Join(j.Path, ", ")),
			Remedy: "activate the environment that Jupyter is installed in"}
	}
	meant := strings.TrimSuffix(name, "-isolated") // of one that was never installed, or is gone
	nearest := slices.MinFunc(names, func(a, b string) int {
		return min(distance(name, a), distance(meant, a)) - min(distance(name, b), distance(meant, b))
	})
	return &Error{Reason: fmt.Sprintf("no kernel %q", name), Remedy: fmt.Sprintf("did you mean %s? There are: %s", nearest, strings.Join(names, ", "))}
}

// distance is how many letters must change to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
