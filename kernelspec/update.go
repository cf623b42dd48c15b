package kernelspec

import (
	"context"
	"fmt"

	"isolate-namespace/internal/kernelargv"
)

// Update makes a twin again from its base as it is now, for the launcher given.
// Options and what a person changed by hand are kept, and options are added to
// them. It keeps the twin's names.
func Update(ctx context.Context, twin *Twin, j *Jupyter, o Options) (*Result, error) {
	base, err := j.Base(twin)
	if err != nil {
		return nil, err
	}
	o.NoDebugger = o.NoDebugger || twin.NoDebugger
	fresh, err := makeTwin(ctx, base, j, o)
	if err != nil {
		return nil, err
	}
	made := twin.Spec
	if r, err := readRecord(twin.Dir); err == nil {
		made = r.Made
	}

	spec, err := fresh.spec.clone()
	if err != nil {
		return nil, err
	}
	merge(spec, made, twin.Spec)
	current := twin.Spec.Command()
	current.Options = current.Options.With(o.Sandbox)
	spec["argv"] = anySlice(kernelargv.Merge(fresh.spec.Command(), made.Command(), current).Argv())
	mergeDirs(spec.object("env"), fresh.spec.object("env"), made.object("env"), twin.Spec.object("env"))
	if err := spec.Validate(); err != nil {
		return nil, err
	}

	result, err := fresh.finish(spec, base, twin.Dir, twin.Plain, o.Try)
	if err != nil {
		return nil, err
	}
	result.Notes = append(fresh.notes, result.Notes...)
	before, now := twin.Spec.Command().Kernel, spec.Command().Kernel
	if len(before) > 0 && before[0] != now[0] {
		result.Notes = append(result.Notes, fmt.Sprintf("its interpreter changes from %s to %s", before[0], now[0]))
	}
	result.Name = twin.Name
	return result, nil
}
