package verify

import (
	"errors"
	"os"
	"regexp"

	"isolate-namespace/internal/frontend"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/internal/text"
	"isolate-namespace/kernelspec"
)

// explain puts the reason and the remedy to an error of starting the kernel.
func (t *trial) explain(err error) error {
	return Explain(err, t.Process, t.language)
}

// Explain puts the reason and the remedy to an error of starting a kernel.
func Explain(err error, p *frontend.Process, language string) error {
	var missing *os.PathError
	switch {
	case errors.Is(err, frontend.ErrEnded):
		said := text.LastLine(p.Said.String())
		return &kernelspec.Error{Reason: err.Error() + ": " + said, Remedy: remedyFor(said, p.Argv, language)}
	case errors.Is(err, frontend.ErrNoStart):
		return &kernelspec.Error{Reason: err.Error(), Remedy: remedy.SeeWhatItSays}
	case errors.As(err, &missing):
		return &kernelspec.Error{Reason: "start " + missing.Path + ": " + missing.Err.Error(), Remedy: remedy.LookForCause}
	}
	return err
}

var noModule = regexp.MustCompile(`No module named '?(\w+)`)

// remedyFor returns what helps a kernel whose last words these are.
func remedyFor(said string, argv []string, language string) string {
	python := kernelspec.Python(argv, language)
	match := noModule.FindStringSubmatch(said)
	if match == nil || python == "" {
		return remedy.LookForCause
	}

	return kernelspec.ModuleRemedy(python, match[1])
}
