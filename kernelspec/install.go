package kernelspec

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A Place is where a spec is installed to. The zero Place is next to the base,
// where one can write there, or else the user's own directory.
type Place struct {
	User      bool   // the user's own directory
	SysPrefix bool   // the environment that Jupyter runs in
	Prefix    string // a directory with share/jupyter/kernels below it
}

// dir is the directory of kernels that p means.
func (p Place) dir(base *Kernel, j *Jupyter) (string, error) {
	user := filepath.Join(j.DataDir, "kernels")
	switch {
	case p.User && p.SysPrefix || p.User && p.Prefix != "" || p.SysPrefix && p.Prefix != "":
		return "", &Error{Reason: "more than one place is named", Remedy: "choose one of --user, --sys-prefix and --prefix"}
	case p.User:
		return user, nil
	case p.SysPrefix && j.Prefix == "":
		return "", &Error{Reason: "there is no Jupyter whose prefix could be used", Remedy: "activate its environment, or name a place with --prefix"}
	case p.SysPrefix:
		return filepath.Join(j.Prefix, "share/jupyter/kernels"), nil
	case p.Prefix != "":
		prefix, err := filepath.Abs(p.Prefix)
		return filepath.Join(prefix, "share/jupyter/kernels"), err
	}
	// A kernel that Python itself provides lies among its packages.
	if next := filepath.Dir(base.Dir); filepath.Base(next) == "kernels" &&
		unix.Access(next, unix.W_OK) == nil && unix.Access(filepath.Dir(next), unix.W_OK) == nil {
		return next, nil
	}
	return user, nil
}

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

// explainWrite says what helps where nothing could be written.
func explainWrite(err error, kernels string) error {
	switch {
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS):
		return &Error{Reason: fmt.Sprintf("%s can't be written", kernels), Remedy: "perhaps you want --user?"}
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
		return &Error{Reason: fmt.Sprintf("no space is left for %s", kernels), Remedy: "make some; what was there before is kept"}
	}
	return err
}

// write puts the spec and the base's resources into a directory aside and
// renames it. Aside is not among the kernels, where it would be listed as one.
func write(spec Spec, made *record, resources, dir string) error {
	data, err := spec.Marshal()
	if err != nil {
		return err
	}
	history, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(filepath.Dir(filepath.Dir(dir)), ".isolate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	fresh := filepath.Join(aside, "new")
	if err := copyTree(resources, fresh); err != nil {
		return fmt.Errorf("copy the resources of %s: %w", resources, err)
	}
	for name, text := range map[string][]byte{"kernel.json": data, recordName: append(history, '\n')} {
		if err := os.WriteFile(filepath.Join(fresh, name), text, 0o644); err != nil {
			return err
		}
	}
	return replace(fresh, dir)
}

// replace puts fresh in the place of dir in one step, so that nobody ever finds
// half a spec, or none where there was one. What was there takes fresh's place
// aside. Another install may come between any two steps of this one.
func replace(fresh, dir string) error {
	for {
		err := unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE)
		if err == unix.ENOENT {
			err = unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, dir, unix.RENAME_NOREPLACE)
			if err == unix.EEXIST {
				continue
			}
		}
		if err == unix.EINVAL || err == unix.ENOSYS { // some file systems can do neither
			return replaceInSteps(fresh, dir)
		}
		if err != nil {
			return &os.LinkError{Op: "rename", Old: fresh, New: dir, Err: err}
		}
		return nil
	}
}

// replaceInSteps is replace where two names can't be exchanged.
func replaceInSteps(fresh, dir string) error {
	old := fresh + "-old"
	if err := os.Rename(dir, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return errors.Join(err, os.Rename(old, dir))
	}
	return nil
}

// copyTree copies the files of a resource directory, but for the two of ours.
// Links are followed, as Jupyter's own installer does; one that leads to a
// directory or nowhere is left out.
func copyTree(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		info, err := os.Stat(source)
		switch {
		case err != nil || !isResource(entry.Name()):
			continue
		case entry.IsDir():
			err = copyTree(source, target)
		case info.Mode().IsRegular():
			err = copyFile(source, target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
