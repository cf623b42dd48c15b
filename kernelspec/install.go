package kernelspec

import (
	"fmt"
	"path/filepath"
	"strings"
)

// A Result is what Install or Update wrote.
type Result struct {
	Name  string   // of the isolated spec
	Dir   string   // its directory
	Notes []string // what a person should know, a line each
}

// Install makes the isolated twin of a base and writes it to its place. A spec
// that was there before is replaced whole, or kept when anything fails; one
// that is not an isolated twin is never replaced.
func Install(base *Kernel, j *Jupyter, o Options, p Place) (*Result, error) {
	name := strings.ToLower(o.Name)
	if name == "" {
		name = base.Name + "-isolated"
	}
	if !validName.MatchString(name) || name == "." || name == ".." {
		return nil, badName(name)
	}
	if name == base.Name {
		return nil, &Error{Reason: "the isolated kernel would replace its base", Remedy: "give it another --name"}
	}
	made, notes, err := makeTwin(base, j, Options{Launcher: o.Launcher})
	if err != nil {
		return nil, err
	}
	spec, err := made.with(o)
	if err != nil {
		return nil, err
	}
	kernels, err := p.dir(base, j)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(kernels, name)
	if there, err := readSpec(filepath.Join(dir, "kernel.json")); err == nil {
		if !isTwin(there) {
			return nil, &Error{Reason: fmt.Sprintf("%s in %s is another kernel, not an isolated one", name, dir), Remedy: "give the new one another --name"}
		}
		if lost := dropped(dir, there, spec); len(lost) > 0 {
			notes = append(notes, fmt.Sprintf("it had %s; isolate-kernelspec update keeps them", strings.Join(lost, " ")))
		}
	}
	if err := write(spec, &record{Base: base.Spec, Made: made}, base.Dir, dir); err != nil {
		return nil, explainWrite(err, kernels)
	}
	for _, source := range missingSources(spec) {
		notes = append(notes, source+" does not exist; kernels won't start until it does")
	}
	return &Result{Name: name, Dir: dir, Notes: notes}, nil
}
