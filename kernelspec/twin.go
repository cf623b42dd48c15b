package kernelspec

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// A Twin is an isolated spec as it lies on disk.
type Twin struct {
	Name     string            `json:"name"`
	Display  string            `json:"display_name"`
	Language string            `json:"language"`
	Base     string            `json:"base"`
	BaseDir  string            `json:"base_dir"`
	Dir      string            `json:"dir"`
	State    State             `json:"state"`
	Network  string            `json:"network"`
	Limits   map[string]string `json:"limits"` // by the launcher's option, without its dashes
	Spec     Spec              `json:"-"`
	Missing  []string          `json:"-"` // what its mounts should show and isn't there
}

// State says whether an isolated spec can start a kernel, and still fits what
// it was made of.
type State string

// States, worst last. The last three start no kernel.
const (
	OK              State = "ok"
	BaseChanged     State = "base changed"
	BaseGone        State = "base gone"
	MountMissing    State = "mount missing"
	InterpreterGone State = "interpreter gone"
	LauncherGone    State = "launcher gone"
)

// Starts reports whether a kernel starts in this state.
func (s State) Starts() bool { return s == OK || s == BaseChanged || s == BaseGone }

// Twins returns the isolated specs that Jupyter finds, by name. One that can't
// be read is not known to be isolated and is left out.
func (j *Jupyter) Twins() []*Twin {
	var all []*Twin
	for _, name := range slices.Sorted(maps.Keys(j.specs)) {
		if spec, err := readSpec(filepath.Join(j.specs[name].Dir, "kernel.json")); err == nil && isTwin(spec) {
			all = append(all, j.examine(name, j.specs[name].Dir, spec))
		}
	}
	return all
}

// FindTwin returns the isolated spec of the name.
func (j *Jupyter) FindTwin(name string) (*Twin, error) {
	if validName.MatchString(name) && !j.has(name) {
		return nil, j.noTwin(name)
	}
	base, err := j.Find(name)
	if err != nil {
		return nil, err
	}
	if !isTwin(base.Spec) {
		return nil, &Error{Reason: base.Name + " is not an isolated kernel", Remedy: "isolate-kernelspec list names those that are"}
	}
	return j.examine(base.Name, base.Dir, base.Spec), nil
}

func isTwin(spec Spec) bool {
	metadata, _ := spec["metadata"].(map[string]any)
	_, isolated := metadata[metadataKey].(map[string]any)
	return isolated
}

func (j *Jupyter) examine(name, dir string, spec Spec) *Twin {
	own, _ := spec.object("metadata")[metadataKey].(map[string]any)
	base, _ := own["base"].(string)
	baseDir, _ := own["base_dir"].(string)
	twin := &Twin{
		Name: name, Display: spec.text("display_name"), Language: spec.Language(),
		Base: base, BaseDir: baseDir, Dir: dir, Network: "none", Limits: map[string]string{}, Spec: spec,
	}

	for _, o := range spec.Command().Options {
		switch {
		case o.Name == "--network":
			twin.Network = o.Value
		case o.IsLimit():
			twin.Limits[strings.TrimPrefix(o.Name, "--")] = o.Value
		}
	}

	twin.Missing = missingSources(spec)
	twin.State = j.state(twin)
	return twin
}

func (j *Jupyter) state(twin *Twin) State {
	command := twin.Spec.Command()
	kernel := command.Kernel
	switch {
	case !executable(command.Launcher):
		return LauncherGone
	case len(kernel) > 0 && filepath.IsAbs(kernel[0]) && !executable(kernel[0]):
		return InterpreterGone
	case len(twin.Missing) > 0:
		return MountMissing
	}

	base, err := j.Base(twin)
	if err != nil {
		return BaseGone
	}
	made, err := readRecord(twin.Dir)
	if err != nil {
		return OK // of a version that kept none
	}
	if !reflect.DeepEqual(base.Spec, made.Base) || !sameResources(base.Dir, twin.Dir) {
		return BaseChanged
	}
	return OK
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// Base returns the kernel that a twin was made from: where it was, or else what
// Jupyter finds under its name.
func (j *Jupyter) Base(twin *Twin) (*Kernel, error) {
	interpreter, _ := twin.Spec.object("metadata")["interpreter"].(map[string]any)
	path, _ := interpreter["path"].(string)
	if spec, err := readSpec(filepath.Join(twin.BaseDir, "kernel.json")); err == nil {
		return &Kernel{Name: twin.Base, Dir: twin.BaseDir, Spec: spec, Interpreter: path}, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{Reason: err.Error(), Remedy: "install that kernel again"}
	}
	if !j.has(twin.Base) {
		return nil, &Error{Reason: fmt.Sprintf("base gone: no kernel %q", twin.Base), Remedy: installOrRemove(twin)}
	}
	base, err := j.Find(twin.Base)
	if err == nil {
		base.Interpreter = path
	}
	return base, err
}

// Remedy returns what helps a twin whose state isn't OK.
func (j *Jupyter) Remedy(twin *Twin) string {
	update := "isolate-kernelspec update " + twin.Name
	if twin.State == MountMissing {
		return "make it, or take it out of " + filepath.Join(twin.Dir, "kernel.json")
	}
	base, err := j.Base(twin)
	if err == nil && twin.State == InterpreterGone {
		_, err = resolve(base, j)
	}
	switch {
	case err == nil:
		return update
	case twin.State == InterpreterGone:
		return "install " + twin.Base + " again, then " + update + "; or isolate-kernelspec remove " + twin.Name
	}
	return installOrRemove(twin)
}

// Launcher returns the program that starts the twin's kernel in a sandbox.
func (t *Twin) Launcher() string { return t.Spec.Command().Launcher }
