package kernelspec

import (
	"fmt"
	"path/filepath"
)

// Update makes an isolated spec again of its base as it is now, for the
// launcher given. Options and what a person changed by hand are kept.
func Update(twin *Twin, j *Jupyter, launcher string) (*Result, error) {
	base, err := j.Base(twin)
	if err != nil {
		return nil, err
	}
	fresh, notes, err := makeTwin(base, j, Options{Launcher: launcher})
	if err != nil {
		return nil, err
	}
	made := twin.Spec
	if r, err := readRecord(twin.Dir); err == nil {
		made = r.Made
	}
	spec, err := fresh.clone()
	if err != nil {
		return nil, err
	}
	merge(spec, made, twin.Spec)
	spec["argv"] = anySlice(mergeCommand(fresh.Argv(), made.Argv(), twin.Spec.Argv()))
	mergeDirs(spec.object("env"), fresh.object("env"), made.object("env"), twin.Spec.object("env"))
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	if err := write(spec, &record{Base: base.Spec, Made: fresh}, base.Dir, twin.Dir); err != nil {
		return nil, explainWrite(err, filepath.Dir(twin.Dir))
	}
	_, _, before := splitCommand(twin.Spec.Argv())
	if _, _, now := splitCommand(spec.Argv()); len(before) > 0 && before[0] != now[0] {
		notes = append(notes, fmt.Sprintf("its interpreter changes from %s to %s", before[0], now[0]))
	}
	return &Result{Name: twin.Name, Dir: twin.Dir, Notes: notes}, nil
}
