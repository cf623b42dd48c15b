package rehearse

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"isolate-namespace/internal/execute"
	"isolate-namespace/internal/notebook"
	"isolate-namespace/isolate"
)

var (
	// word is what can be a variable's name.
	word = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]{2,}`)

	// environment is how code asks for a variable of its environment.
	environment = regexp.MustCompile(`(?i)environ|getenv|process\.env|\bENV\b`)
)

// variables returns those variables that are set here, that the twin isn't passed, and
// that a cell's error names, or its code if it asks for the environment.
func (t *trial) variables(cell *notebook.Cell, o *execute.Outputs) (names []string) {
	text := ""
	for _, e := range o.Errors {
		text += e.Name + " " + e.Value + "\n"
		if environment.MatchString(e.Traceback) {
			text += normal(e.Traceback, t.stage.root) + "\n"
		}
	}
	if environment.MatchString(cell.Source) {
		text += cell.Source
	}

	hidden := t.hiddenVariables()
	for _, name := range word.FindAllString(text, -1) {
		if slices.Contains(hidden, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// hiddenVariables returns the names of the variables that are set here and that the
// twin isn't passed.
func (t *trial) hiddenVariables() (names []string) {
	var passed []string
	for _, value := range t.twin.Spec.Command().Options.Values("--env") {
		name, _, _ := strings.Cut(value, "=")
		passed = append(passed, name)
	}
	kept := isolate.FilterEnv(os.Environ(), passed)
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); !slices.Contains(kept, entry) {
			names = append(names, name)
		}
	}
	return names
}
