package kernelspec

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/remedy"
)

// A default twin has the name of its base and lies where Jupyter finds it first: in
// a directory that is searched before the base's, or in the base's own. The plain
// kernel stays under another name beside it. That name can't be guessed, since a
// notebook names the kernel that front ends start when they open it.

// plainFile is the base's own kernel.json in a directory that a default twin has taken
// over. Everything else of the base stays in its place, as absolute paths lead there.
const plainFile = "kernel-plain.json"

// plainKey is where the plain kernel beside a default twin says whose it is.
const plainKey = "isolate_plain"

// FindPlain is Find, but for a default twin it returns the kernel that it was made
// from.
func (j *Jupyter) FindPlain(name string) (*Kernel, error) {
	k, err := j.Find(name)
	if err != nil || !isTwin(k.Spec) {
		return k, err
	}
	twin := j.examine(k.Name, k.Dir, k.Spec)
	if twin.Plain == "" {
		return k, nil
	}
	return j.Base(twin)
}

// plain returns the first kernel of the name that isn't a twin, or nil.
func (j *Jupyter) plain(name string) (*Kernel, error) {
	if !j.has(name) {
		return nil, nil
	}
	k, err := j.Find(name)
	if err != nil || !isTwin(k.Spec) {
		return k, err
	}
	for _, kernels := range j.Path {
		dir := filepath.Join(kernels, k.Name)
		if spec, err := plainIn(dir); err == nil && !isTwin(spec) {
			return &Kernel{Name: k.Name, Dir: dir, Spec: spec}, nil
		}
	}
	if k.Name == "python3" && j.native != nil {
		return &Kernel{Name: k.Name, Dir: j.native.Dir, Spec: j.native.Spec}, nil
	}
	return nil, nil
}

// plainIn returns the spec of the plain kernel in a directory, which a default twin
// may have taken over.
func plainIn(dir string) (Spec, error) {
	spec, err := readSpec(filepath.Join(dir, "kernel.json"))
	if err != nil || !isTwin(spec) {
		return spec, err
	}
	plain, err := readSpec(filepath.Join(dir, plainFile))
	if errors.Is(err, fs.ErrNotExist) {
		return spec, nil
	}
	return plain, err
}

// isPlain reports whether a spec is that of the plain kernel beside a default twin.
func isPlain(spec Spec) bool {
	metadata, _ := spec["metadata"].(map[string]any)
	_, plain := metadata[plainKey]
	return plain
}

// readTwin reads the spec in a directory: that of a default twin also after a plain
// kernel was installed over it.
func readTwin(dir string) (Spec, error) {
	spec, err := readSpec(filepath.Join(dir, "kernel.json"))
	if err == nil && isTwin(spec) {
		return spec, nil
	}
	if made, err := readRecord(dir); err == nil && made.isDefault() {
		return made.Twin, nil
	}
	return spec, err
}

// hiddenTwin returns the default twin of a name if Jupyter finds a plain kernel in its
// place, which was installed over it or in a directory before its own; or nil.
func (j *Jupyter) hiddenTwin(name string) *Twin {
	for _, kernels := range j.Path {
		dir := filepath.Join(kernels, name)
		made, err := readRecord(dir)
		if err != nil || !made.isDefault() {
			continue
		}
		spec, err := readTwin(dir)
		if err != nil {
			continue
		}
		twin := j.examine(name, dir, spec)
		twin.State, twin.Faults = PlainFirst, []string{j.specs[name].Dir}
		return twin
	}
	return nil
}

// isDefault reports whether a record is that of a default twin. Somebody else may have
// written it.
func (r *record) isDefault() bool {
	return validName.MatchString(r.Plain) && r.Plain != "." && r.Plain != ".." && isTwin(r.Twin) && r.Twin.Validate() == nil
}

// first returns the directory of kernels that p means for a default twin. What Jupyter
// finds of the base's name must not come before it.
func (p Place) first(base *Kernel, j *Jupyter) (string, error) {
	last := len(j.Path)
	found := j.specs[base.Name].Dir
	if i := slices.Index(j.Path, filepath.Dir(found)); i >= 0 {
		last = i
	}
	if p != (Place{}) {
		kernels, err := p.dir(base, j)
		if i := slices.Index(j.Path, kernels); err == nil && (i < 0 || i > last) {
			return "", notFirst(base.Name, kernels, found)
		}
		return kernels, err
	}

	ours := []string{filepath.Join(j.DataDir, "kernels"), filepath.Join(j.Prefix, "share/jupyter/kernels"), filepath.Dir(found)}
	for _, kernels := range j.Path[:min(last+1, len(j.Path))] {
		if slices.Contains(ours, kernels) && canMake(kernels) {
			return kernels, nil
		}
	}
	return "", &Error{
		Reason: fmt.Sprintf("Jupyter finds %s in %s, and you can write neither there nor in a place before it", base.Name, found),
		Remedy: remedy.InstallAsOwner,
	}
}

func notFirst(name, kernels, found string) error {
	return &Error{Reason: fmt.Sprintf("Jupyter would not find %s in %s, but in %s", name, kernels, found),
		Remedy: remedy.LeaveOutPlace}
}

// FindsFirst asks Jupyter again whether it now finds a default twin under its name. If
// it doesn't, the twin is removed, and the error says so.
func (j *Jupyter) FindsFirst(r *Result) error {
	now, err := FindJupyter(j.launcher)
	if err != nil {
		return err
	}
	found := now.specs[r.Name].Dir
	if found == r.Dir {
		return nil
	}
	twin, err := readTwin(r.Dir)
	if err == nil {
		err = Remove(now.examine(r.Name, r.Dir, twin))
	}
	if err != nil {
		return fmt.Errorf("remove what Jupyter doesn't find: %w", err)
	}
	return notFirst(r.Name, filepath.Dir(r.Dir), found)
}

// canMake reports whether we can write a directory, or make it.
func canMake(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return writable(dir)
		}
	}
}

// writeDefault writes a default twin, and before it the plain kernel. It returns notes
// as write does.
func writeDefault(spec Spec, made *record, base *Kernel, dir string) (notes []string, err error) {
	made.Twin = spec
	plain, err := plainCopy(base, made.Made.Command().Kernel)
	if err != nil {
		return nil, err
	}
	plainDir := filepath.Join(filepath.Dir(dir), made.Plain)
	_, missing := os.Stat(plainDir)
	if _, err := write(plain, nil, base.Dir, plainDir); err != nil {
		return nil, err
	}

	if isSame(dir, base.Dir) {
		err = takeOver(spec, made, dir)
	} else {
		notes, err = write(spec, made, base.Dir, dir)
	}
	if err != nil && missing != nil {
		os.RemoveAll(plainDir)
	}
	return notes, err
}

// plainCopy returns the spec of the plain kernel beside a default twin, which runs the
// same command.
func plainCopy(base *Kernel, argv []string) (Spec, error) {
	plain, err := base.Spec.clone()
	if err != nil {
		return nil, err
	}
	plain["argv"] = anySlice(argv)
	plain["display_name"] = base.Spec.text("display_name") + " (plain, not isolated)"
	plain.object("metadata")[plainKey] = map[string]any{"base": base.Name}
	return plain, nil
}

// plainName returns the name of the plain kernel for the default twin in dir: the one
// that it has, or a new one.
func plainName(base *Kernel, dir string) string {
	if made, err := readRecord(dir); err == nil && made.isDefault() {
		return made.Plain
	}
	return base.Name + "-plain-" + strings.ToLower(rand.Text()[:10])
}

// takeOver puts a twin into its base's own directory.
func takeOver(spec Spec, made *record, dir string) error {
	if !isDir(dir) {
		return &Error{Reason: dir + " is a link", Remedy: remedy.ChooseDefaultPlace}
	}
	data, err := spec.Marshal()
	if err != nil {
		return err
	}
	history, err := made.marshal()
	if err != nil {
		return err
	}
	aside, err := makeAside(filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)

	kernel, fresh, saved := filepath.Join(dir, "kernel.json"), filepath.Join(aside, "new"), filepath.Join(aside, "saved")
	if there, err := readSpec(kernel); err != nil || !isTwin(there) { // else it is saved already
		if err := os.Link(kernel, saved); err != nil {
			return err
		}
		if err := os.Rename(saved, filepath.Join(dir, plainFile)); err != nil {
			return err
		}
	}
	for _, file := range []struct {
		name string
		text []byte
	}{{recordName, history}, {"kernel.json", data}} {
		if err := os.WriteFile(fresh, file.text, 0o644); err != nil {
			return err
		}
		if err := os.Rename(fresh, filepath.Join(dir, file.name)); err != nil {
			return err
		}
	}
	return nil
}

// isSame reports whether two paths lead to the same directory: an environment may have
// been reached by another when the twin was made.
func isSame(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// isTakenOver reports whether the base lies in the directory of its default twin.
func isTakenOver(twin *Twin) bool {
	_, err := os.Lstat(filepath.Join(twin.Dir, plainFile))
	return err == nil || isSame(twin.Dir, twin.BaseDir)
}

// giveBack undoes takeOver.
func giveBack(dir string) error {
	kernel, saved := filepath.Join(dir, "kernel.json"), filepath.Join(dir, plainFile)
	there, err := readSpec(kernel)
	if err == nil && !isTwin(there) { // another was installed over the twin
		err = os.Remove(saved)
	} else {
		err = os.Rename(saved, kernel)
	}
	if err != nil {
		return err
	}
	return os.Remove(filepath.Join(dir, recordName))
}
