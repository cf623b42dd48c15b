package verify

import (
	"isolate-namespace/kernelspec"
)

// plainFaults is what goes wrong with the kernel that an isolated one was made
// of; nothing where that can't be found out.
func plainFaults(j *kernelspec.Jupyter, twin *kernelspec.Twin) map[string]string {
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
	if err := (&trial{report: note, protocolOnly: true}).run(j, base); err != nil {
		return nil
	}
	return faults
}

// asPlain says whether it goes wrong in the same way without isolation.
func (t *trial) asPlain(name, fault string) bool {
	if t.plain == nil {
		return false
	}
	plain, also := t.plain()[name]
	return also && plain == fault
}
