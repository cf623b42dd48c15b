package kernelspec

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"isolate-namespace/internal/remedy"
)

// A Kernel is an installed kernel.
type Kernel struct {
	Name string
	Dir  string // its resource directory
	Spec Spec

	Interpreter string // that its isolated twin was made with; empty without one
}

var validName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// Find returns the installed kernel of the name.
func (j *Jupyter) Find(name string) (*Kernel, error) {
	if !validName.MatchString(name) {
		return nil, badName(name)
	}
	if !j.has(name) {
		return nil, j.notFound(name)
	}
	key := j.key(name)
	hit := j.specs[key]
	spec := hit.Spec
	if spec == nil {
		var err error
		if spec, err = readSpec(filepath.Join(hit.Dir, "kernel.json")); err != nil {
			return nil, &Error{Reason: err.Error(), Remedy: remedy.InstallKernelAgain}
		}
	} else if err := spec.Validate(); err != nil {
		return nil, err
	}
	return &Kernel{Name: key, Dir: hit.Dir, Spec: spec}, nil
}

// key returns the name that Jupyter knows a kernel by.
func (j *Jupyter) key(name string) string {
	key := strings.ToLower(name)
	if _, ok := j.specs[key]; !ok && key == "python" { // which Jupyter takes for python3
		return "python3"
	}
	return key
}

func (j *Jupyter) has(name string) bool {
	_, ok := j.specs[j.key(name)]
	return ok
}

// FindIn returns the kernel of the name from a directory: the kernel's own, or
// one of kernels.
func (j *Jupyter) FindIn(dir, name string) (*Kernel, error) {
	if !validName.MatchString(name) {
		return nil, badName(name)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for _, place := range []string{dir, filepath.Join(dir, name)} {
		spec, err := plainIn(place)
		if err == nil {
			return &Kernel{Name: strings.ToLower(name), Dir: place, Spec: spec}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, &Error{Reason: err.Error(), Remedy: remedy.InstallKernelAgain}
		}
	}
	return nil, &Error{Reason: fmt.Sprintf("no kernel %s in %s", name, dir), Remedy: remedy.NameSpecDir}
}

// Count returns how many kernels Jupyter finds.
func (j *Jupyter) Count() int { return len(j.specs) }

// Names returns the kernels that can be isolated: all but the twins, and the plain
// kernels beside default twins.
func (j *Jupyter) Names() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(j.specs)) {
		spec, err := readSpec(filepath.Join(j.specs[name].Dir, "kernel.json"))
		if err != nil || !isTwin(spec) && !isPlain(spec) {
			names = append(names, name)
		}
	}
	return names
}

// Others are directories with a kernel of the base's name that Jupyter doesn't
// get to see.
func (j *Jupyter) Others(base *Kernel) []string {
	var dirs []string
	for _, kernels := range j.Path {
		dir := filepath.Join(kernels, base.Name)
		if made, err := readRecord(dir); err == nil && made.isDefault() {
			continue // the base's own
		}
		if hasKernel(dir) && dir != base.Dir && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// Before returns the directory of a kernel of the name that Jupyter takes in
// place of that in dir, or "".
func (j *Jupyter) Before(name, dir string) string {
	for _, kernels := range j.Path {
		place := filepath.Join(kernels, name)
		if place == dir {
			break
		}
		if hasKernel(place) {
			return place
		}
	}
	return ""
}

// hasKernel reports whether a directory has a kernel's specification.
func hasKernel(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "kernel.json"))
	return err == nil && info.Mode().IsRegular()
}
