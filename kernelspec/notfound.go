package kernelspec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"isolate-namespace/internal/remedy"
)

func badName(name string) error {
	return &Error{Reason: fmt.Sprintf("%q is no kernel's name", name), Remedy: remedy.WriteName}
}

// notFound returns the error that there is no kernel of the name, and says which of
// names may be meant.
func (j *Jupyter) notFound(name string) error {
	names := slices.Sorted(maps.Keys(j.specs))
	if len(names) == 0 {
		return &Error{Reason: fmt.Sprintf("no kernel %q, nor any other, in %s", name, strings.Join(j.Path, ", ")),
			Remedy: remedy.ActivateJupyter}
	}
	return &Error{Reason: fmt.Sprintf("no kernel %q", name), Remedy: suggest(name, names)}
}

// noTwin is notFound for the name of a twin.
func (j *Jupyter) noTwin(name string) error {
	names := j.TwinNames()
	help := remedy.NoTwin
	if len(names) > 0 {
		help = suggest(name, names)
	}
	return &Error{Reason: fmt.Sprintf("no twin %q", name), Remedy: help}
}

// suggest names the nearest of names, if one is near, and all.
func suggest(name string, names []string) string {
	name = strings.ToLower(name)
	meant := strings.TrimSuffix(name, "-isolated") // of one that was never installed, or is gone
	far := func(other string) int { return min(distance(name, other), distance(meant, other)) }
	nearest := slices.MinFunc(names, func(a, b string) int { return far(a) - far(b) })
	if far(nearest) > max(2, len(name)/3) || far(nearest) >= len(meant) {
		return remedy.NamesThereAre(names)
	}
	return remedy.DidYouMean(nearest, names)
}

// distance returns how many letters must change to make b from a (Levenshtein).
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
