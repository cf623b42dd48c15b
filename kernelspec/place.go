package kernelspec

import (
	"path/filepath"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/remedy"
)

// A Place is where a spec is installed to. The zero Place is next to the base,
// where one can write there, or else the user's own directory.
type Place struct {
	User      bool   // the user's own directory
	SysPrefix bool   // the environment that Jupyter runs in
	Prefix    string // a directory with share/jupyter/kernels below it
}

// dir returns the directory of kernels that p means.
func (p Place) dir(base *Kernel, j *Jupyter) (string, error) {
	user := filepath.Join(j.DataDir, "kernels")
	switch {
	case p.User && p.SysPrefix || p.User && p.Prefix != "" || p.SysPrefix && p.Prefix != "":
		return "", &Error{Reason: "more than one place is named", Remedy: remedy.ChoosePlace}
	case p.User:
		return user, nil
	case p.SysPrefix && j.Prefix == "":
		return "", &Error{
			Reason: "there is no Jupyter whose prefix could be used",
			Remedy: remedy.NamePrefix,
		}
	case p.SysPrefix:
		return filepath.Join(j.Prefix, "share/jupyter/kernels"), nil
	case p.Prefix != "":
		prefix, err := filepath.Abs(p.Prefix)
		return filepath.Join(prefix, "share/jupyter/kernels"), err
	}

	// A kernel that Python itself provides lies among its packages.
	if next := filepath.Dir(base.Dir); filepath.Base(next) == "kernels" &&
		writable(next) && writable(filepath.Dir(next)) {
		return next, nil
	}
	return user, nil
}

func writable(path string) bool { return unix.Access(path, unix.W_OK) == nil }
