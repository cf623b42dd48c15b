package doctor

import (
	"bytes"
	"os"
	"strconv"

	"isolate-namespace/kernelspec"
)

// kernels looks for Jupyter and for each twin.
func kernels(sandbox error, launcher string) []Finding {
	j, err := kernelspec.FindJupyter()
	if err != nil {
		return []Finding{{"Jupyter", Weaker, err.Error(), kernelspec.Remedy(err)}}
	}

	found := []Finding{{"Jupyter", Good, j.Executable + ", kernels found: " + strconv.Itoa(j.Count()), ""}}
	if j.Executable == "" {
		found[0] = Finding{"Jupyter", Weaker, "no command jupyter in PATH", "activate the environment that Jupyter is installed in"}
	}
	twins := j.Twins()
	j.Inspect(twins...)
	for _, t := range twins {
		found = append(found, twin(j, t, sandbox, launcher))
	}
	return found
}

// twin says whether a twin can start a kernel, and still fits.
func twin(j *kernelspec.Jupyter, t *kernelspec.Twin, sandbox error, launcher string) Finding {
	f := Finding{Name: t.Name, Health: Good}
	f.Detail, f.Remedy = j.Explain(t)
	switch {
	case !t.State.Starts():
		f.Health = Missing
	case t.State != kernelspec.OK:
		f.Health = Weaker
	case sandbox != nil:
		f.Health, f.Detail = Missing, "starts no kernel: no sandbox can be made"
	case launcher != "" && !sameFile(t.Launcher(), launcher):
		f.Health, f.Remedy = Weaker, "isolate-kernelspec update "+t.Name
		f.Detail = "starts another version of the launcher, " + t.Launcher()
	}
	return f
}

// sameFile reports whether two files hold the same, wherever they are.
func sameFile(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := os.ReadFile(a)
	y, errY := os.ReadFile(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
