package verify

import (
	"context"

	"isolate-namespace/kernelspec"
)

// asPlain reports whether a check fails in the same way without isolation.
func (t *trial) asPlain(name, fault string) bool {
	if t.plain == nil {
		return false
	}
	plain, also := t.plain()[name]
	return also && plain == fault
}

// plainFaults returns what goes wrong with a twin's base, by check. It returns
// nothing if that can't be found out.
func plainFaults(ctx context.Context, j *kernelspec.Jupyter, twin *kernelspec.Twin) map[string]string {
	base, err := j.Base(twin)
	if err != nil {
		return nil
	}

	faults := map[string]string{}
	note := func(c Check) {
		if !c.Held {
			faults[c.Name] = c.Detail
		}
	}
	plain := &trial{ctx: ctx, report: note, protocolOnly: true, onGPU: twin.GPU != ""}
	if err := plain.run(j, base); err != nil {
		return nil
	}
	return faults
}
