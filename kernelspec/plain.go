package kernelspec

// plainFaults is what goes wrong with the kernel that an isolated one was made
// of; nothing where that can't be found out.
func (j *Jupyter) plainFaults(isolated *Base) map[string]string {
	base, err := j.baseOf(j.examine(isolated.Name, isolated.Dir, isolated.Spec))
	if err != nil {
		return nil
	}
	dialect := dialectOf(base.Spec.text("language"))
	if dialect != nil {
		spoken := *dialect
		spoken.probes = "" // they would tell nothing new
		dialect = &spoken
	}
	faults := map[string]string{}
	note := func(c Check) {
		if !c.Held {
			faults[c.Name] = c.Detail
		}
	}
	if err := j.try(base, &trial{report: note, plain: func() map[string]string { return nil }, dialect: dialect}); err != nil {
		return nil
	}
	return faults
}
