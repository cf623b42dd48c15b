package kernelspec

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/remedy"
)

// A Result is what Install or Update wrote.
type Result struct {
	Name  string   // of the twin
	Dir   string   // its directory
	Plain string   // of a default twin, the name of the plain kernel
	Notes []string // what a person should know, a line each
}

// Install makes the twin of a base and writes it. It replaces an existing twin
// completely, or keeps it if anything fails; it never replaces another kernel.
func Install(ctx context.Context, base *Kernel, j *Jupyter, o Options, p Place) (*Result, error) {
	name, err := o.name(base)
	if err != nil {
		return nil, err
	}
	place := p.dir
	if o.Default {
		place = p.first
	}
	kernels, err := place(base, j)
	if err != nil {
		return nil, err
	}
	made, err := makeTwin(ctx, base, j, o)
	if err != nil {
		return nil, err
	}
	spec, err := made.spec.with(o)
	if err != nil {
		return nil, err
	}

	dir := filepath.Join(kernels, name)
	if o.Default && filepath.Dir(base.Dir) == kernels {
		dir = base.Dir // whose name may have capital letters
	}
	notes := made.notes
	if there, err := readTwin(dir); err == nil {
		if !isTwin(there) && dir != base.Dir {
			return nil, &Error{Reason: fmt.Sprintf("%s in %s is another kernel, not a twin", name, dir), Remedy: remedy.RenameNewTwin}
		}
		if lost := dropped(dir, there, spec); isTwin(there) && len(lost) > 0 {
			notes = append(notes, fmt.Sprintf("it had %s; %s", strings.Join(lost, " "), remedy.UpdateKeeps))
		}
	}

	var plain string
	if o.Default {
		plain = plainName(base, dir)
	}
	result, err := made.finish(spec, base, dir, plain, o.Try)
	if err != nil {
		return nil, err
	}
	result.Notes = append(notes, result.Notes...)
	return result, nil
}

// name returns the name that the twin of base gets.
func (o Options) name(base *Kernel) (string, error) {
	switch {
	case o.Default && o.Name != "":
		return "", &Error{Reason: "--name and --default at once", Remedy: remedy.ChooseOne}
	case o.Default && isPlain(base.Spec):
		return "", &Error{Reason: base.Name + " is the plain kernel beside a twin", Remedy: remedy.NameBase}
	case o.Default:
		return base.Name, nil
	}
	name := strings.ToLower(o.Name)
	if name == "" {
		name = base.Name + "-isolated"
	}
	if !validName.MatchString(name) || name == "." || name == ".." {
		return "", badName(name)
	}
	if name == base.Name {
		return "", &Error{Reason: "the twin would replace its base", Remedy: remedy.RenameTwin}
	}
	return name, nil
}

// finish tries a twin whose command only leads to its program, and writes it. For a
// default twin it also writes the plain kernel, under the name given.
func (d *draft) finish(spec Spec, base *Kernel, dir, plain string, try func(*Kernel) error) (*Result, error) {
	result := &Result{Name: filepath.Base(dir), Dir: dir, Plain: plain}
	if d.try && try != nil {
		err := try(&Kernel{Name: result.Name, Dir: base.Dir, Spec: spec})
		var untried *Untried
		switch {
		case errors.As(err, &untried):
			result.Notes = append(result.Notes, "it wasn't tried: "+untried.Reason)
		case err != nil:
			return nil, d.refuse(base, err)
		}
	}

	made := &record{Base: base.Spec, Made: d.spec, Ends: d.ends, Plain: plain}
	var left []string
	var err error
	if plain != "" {
		left, err = writeDefault(spec, made, base, dir)
	} else {
		left, err = write(spec, made, base.Dir, dir)
	}
	if err != nil {
		return nil, explainWrite(err, filepath.Dir(dir))
	}
	result.Notes = append(result.Notes, left...)
	for _, slow := range uncompiled(slices.Concat(d.ends, spec.Command().Kernel)[0], base.Spec.Language(), base.Spec.environ()) {
		result.Notes = append(result.Notes, slow.Reason+"; "+slow.Remedy)
	}
	for _, source := range missingSources(spec) {
		result.Notes = append(result.Notes, source+" does not exist; kernels won't start until it does")
	}
	return result, nil
}

// refuse says why a twin isn't installed that doesn't start.
func (d *draft) refuse(base *Kernel, err error) error {
	if d.ends == nil {
		return err
	}
	return &Error{Reason: fmt.Sprintf("%s would not start isolated: %v", base.Name, err),
		Remedy: remedy.NameWhatRuns(filepath.Join(base.Dir, "kernel.json"), d.ends, d.hidden)}
}
