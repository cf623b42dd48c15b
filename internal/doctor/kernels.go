package doctor

import (
	"slices"
	"strconv"

	"isolate-namespace/internal/remedy"
	"isolate-namespace/kernelspec"
)

// kernels looks for Jupyter and for each twin.
func kernels(m machine, launcher string) []Finding {
	j, err := kernelspec.FindJupyter(launcher)
	if err != nil {
		return []Finding{{"Jupyter", Weaker, err.Error(), kernelspec.Remedy(err)}}
	}

	found := []Finding{{"Jupyter", Good, j.Executable + ", kernels found: " + strconv.Itoa(j.Count()), ""}}
	if j.Executable == "" {
		found[0] = Finding{"Jupyter", Weaker, "no command jupyter in PATH", remedy.ActivateJupyter}
	}
	found = append(found, provisioner(j)...)
	twins := j.Twins()
	j.Inspect(twins...)
	for _, t := range twins {
		found = append(found, twin(j, t, m))
	}
	return append(found, bytecode(twins)...)
}

// bytecode returns a finding for each directory of Python's whose modules the kernels
// of some twin compile anew each time.
func bytecode(twins []*kernelspec.Twin) (found []Finding) {
	for _, t := range twins {
		if !t.State.Starts() {
			continue
		}
		for _, slow := range t.Uncompiled() {
			if f := (Finding{"bytecode", Weaker, slow.Reason, slow.Remedy}); !slices.Contains(found, f) {
				found = append(found, f)
			}
		}
	}
	return found
}

// twin says whether a twin can start a kernel, and still fits.
func twin(j *kernelspec.Jupyter, t *kernelspec.Twin, m machine) Finding {
	f := Finding{Name: t.Name, Health: Good}
	f.Detail, f.Remedy = j.Explain(t)
	switch {
	case !t.State.Starts():
		f.Health = Missing
	case t.State != kernelspec.OK:
		f.Health = Weaker
	case m.sandbox != nil:
		f.Health, f.Detail = Missing, "starts no kernel: no sandbox can be made"
	case t.SharesProc() && m.ownProc == nil:
		f.Health, f.Detail, f.Remedy = Weaker, kernelspec.WithSharedProc+", which isn't needed here", remedy.WithoutShareProc
	case t.SharesProc():
		f.Health, f.Detail = Weaker, kernelspec.WithSharedProc
	case m.ownProc != nil:
		f.Health, f.Detail = Missing, "starts no kernel: a sandbox can be made with --share-proc only"
	}
	return f
}
