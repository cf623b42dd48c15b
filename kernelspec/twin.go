package kernelspec

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/remedy"
)

// A Twin is the isolated twin of a kernel, as it lies on disk.
type Twin struct {
	Name       string            `json:"name"`
	Display    string            `json:"display_name"`
	Language   string            `json:"language"`
	Base       string            `json:"base"`
	BaseDir    string            `json:"base_dir"`
	Dir        string            `json:"dir"`
	Plain      string            `json:"plain"` // of a default twin, the plain kernel's name
	State      State             `json:"state"`
	Network    string            `json:"network"`
	Reaches    []string          `json:"reaches"` // HOST:PORT, NAME, *.NAME, as the options have them
	Devices    []string          `json:"devices"` // that its kernels can open
	GPU        string            `json:"gpu"`     // as the option has it, or ""
	NoDebugger bool              `json:"no_debugger"`
	Limits     map[string]string `json:"limits"` // by the launcher's option, without its dashes
	Spec       Spec              `json:"-"`
	Faults     []string          `json:"-"` // what the state is about: paths that are missing, or a sentence
}

// SharesProc reports whether the twin's kernels see the process file system that is
// outside.
func (t *Twin) SharesProc() bool {
	return t.Spec.Command().Options.Values("--share-proc") != nil
}

// GPUs returns the twin's GPU, if it has any.
func (t *Twin) GPUs() []string {
	if t.GPU == "" {
		return nil
	}
	return []string{t.GPU}
}

// WithSharedProc says what such a kernel sees.
const WithSharedProc = "by --share-proc its kernel sees names, command lines, status, limits, mounts, control groups, descriptors' numbers and network tables of other processes"

// TwinNames returns the names of the twins that Jupyter finds.
func (j *Jupyter) TwinNames() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(j.specs)) {
		spec, err := readSpec(filepath.Join(j.specs[name].Dir, "kernel.json"))
		if err == nil && isTwin(spec) || j.hiddenTwin(name) != nil {
			names = append(names, name)
		}
	}
	return names
}

// Twins returns the twins that Jupyter finds, and default twins in whose place it finds
// a plain kernel, by name. One that can't be read is
// not known to be a twin and is left out.
func (j *Jupyter) Twins() []*Twin {
	var all []*Twin
	for _, name := range slices.Sorted(maps.Keys(j.specs)) {
		if spec, err := readSpec(filepath.Join(j.specs[name].Dir, "kernel.json")); err == nil && isTwin(spec) {
			all = append(all, j.examine(name, j.specs[name].Dir, spec))
		} else if hidden := j.hiddenTwin(name); hidden != nil {
			all = append(all, hidden)
		}
	}
	return all
}

// FindTwin returns the twin of the name.
func (j *Jupyter) FindTwin(name string) (*Twin, error) {
	if validName.MatchString(name) && !j.has(name) {
		return nil, j.noTwin(name)
	}
	base, err := j.Find(name)
	if err != nil {
		return nil, err
	}
	if !isTwin(base.Spec) {
		if hidden := j.hiddenTwin(base.Name); hidden != nil {
			return hidden, nil
		}
		return nil, &Error{Reason: base.Name + " is not a twin", Remedy: remedy.ListTwins}
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
		Base: base, BaseDir: baseDir, Dir: dir, Network: "none", Reaches: []string{}, Devices: []string{},
		NoDebugger: leavesOut(spec), Limits: map[string]string{}, Spec: spec,
	}

	if made, err := readRecord(dir); err == nil && made.isDefault() {
		twin.Plain = made.Plain
	}
	for _, o := range spec.Command().Options {
		switch {
		case o.Name == "--network":
			twin.Network = o.Value
		case o.Name == "--connect" || o.Name == "--allow-host":
			twin.Reaches = append(twin.Reaches, o.Value)
		case o.Name == "--gpu":
			twin.GPU = o.Value
		case o.Name == "--device":
			twin.Devices = append(twin.Devices, o.Value)
		case o.IsLimit():
			twin.Limits[strings.TrimPrefix(o.Name, "--")] = o.Value
		}
	}

	twin.State, twin.Faults = j.state(twin)
	return twin
}

// Base returns the kernel that a twin was made from: where it was, or else what
// Jupyter finds under its name.
func (j *Jupyter) Base(twin *Twin) (*Kernel, error) {
	interpreter, _ := twin.Spec.object("metadata")["interpreter"].(map[string]any)
	path, _ := interpreter["path"].(string)
	if spec, err := plainIn(twin.BaseDir); err == nil {
		return &Kernel{Name: twin.Base, Dir: twin.BaseDir, Spec: spec, Interpreter: path}, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{Reason: err.Error(), Remedy: remedy.InstallKernelAgain}
	}
	base, err := j.plain(twin.Base)
	if base == nil && err == nil {
		return nil, &Error{Reason: fmt.Sprintf("base gone: no kernel %q", twin.Base), Remedy: remedy.InstallBaseOrRemove(twin.Base, twin.Name)}
	}
	if err == nil {
		base.Interpreter = path
	}
	return base, err
}

// Launcher returns the program that starts the twin's kernel in a sandbox.
func (t *Twin) Launcher() string { return t.Spec.Command().Launcher }
