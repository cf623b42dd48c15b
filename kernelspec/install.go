package kernelspec

import (
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
func (p Place) dir(base *Base, j *Jupyter) (string, error) {
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
	if next := filepath.Dir(base.Dir); filepath.Base(next) == "kernels" && unix.Access(next, unix.W_OK) == nil {
		return next, nil
	}
	return user, nil
}

// Install makes the isolated twin of a base and writes it to its place. It
// returns the new spec's name and directory. A spec that was there before is
// replaced whole, or kept when anything fails.
func Install(base *Base, j *Jupyter, o Options, p Place) (name, dir string, err error) {
	if name = strings.ToLower(o.Name); name == "" {
		name = base.Name + "-isolated"
	}
	if !validName.MatchString(name) {
		return "", "", badName(name)
	}
	if name == base.Name {
		return "", "", &Error{Reason: "the isolated kernel would replace its base", Remedy: "give it another --name"}
	}
	spec, err := Isolate(base, j, o)
	if err != nil {
		return "", "", err
	}
	kernels, err := p.dir(base, j)
	if err != nil {
		return "", "", err
	}
	dir = filepath.Join(kernels, name)
	err = write(spec, base.Dir, dir)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		err = &Error{Reason: fmt.Sprintf("%s can't be written", kernels), Remedy: "perhaps you want --user?"}
	}
	return name, dir, err
}

// write puts the spec and the base's resources into a directory aside and
// renames it. Aside is not among the kernels, where it would be listed as one.
func write(spec Spec, resources, dir string) error {
	data, err := spec.Marshal()
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
	if err := os.WriteFile(filepath.Join(fresh, "kernel.json"), data, 0o644); err != nil {
		return err
	}
	return replace(fresh, dir, filepath.Join(aside, "old"))
}

// replace renames fresh to dir. What was there goes to old and is removed with
// the directory aside.
func replace(fresh, dir, old string) error {
	err := unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE)
	if err == unix.ENOENT {
		return os.Rename(fresh, dir)
	}
	if err == nil {
		return os.Rename(fresh, old)
	}
	// Some file systems exchange nothing.
	if err := os.Rename(dir, old); err != nil {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return errors.Join(err, os.Rename(old, dir))
	}
	return nil
}

// copyTree copies the files of a resource directory, but for kernel.json.
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
		case err != nil || entry.Name() == "kernel.json":
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
