package kernelspec

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"isolate-namespace/internal/jupyter"
	"isolate-namespace/internal/text"
)

// A Jupyter is what one installation of Jupyter says of itself.
type Jupyter struct {
	Executable string   // its interpreter; empty where there is none
	Prefix     string   // of that interpreter
	DataDir    string   // the user's, such as ~/.local/share/jupyter
	Path       []string // where kernels are searched for, first hit first
	specs      map[string]found
}

type found struct {
	Dir  string
	Spec Spec // for a kernel that has no kernel.json
}

// A Kernel is an installed kernel.
type Kernel struct {
	Name string
	Dir  string // its resource directory
	Spec Spec

	Interpreter string // that its isolated twin was made with; empty without one
}

//go:embed ask/jupyter_kernels.py
var jupyterScript string

// FindJupyter asks the Jupyter that the command jupyter of PATH belongs to.
// Without one the usual places are searched.
func FindJupyter() (*Jupyter, error) {
	interpreter := jupyterInterpreter()
	if interpreter == "" {
		return searchUsual(), nil
	}
	out, err := ask(interpreter, jupyterScript)
	if err != nil {
		return nil, &Error{
			Reason: fmt.Sprintf("ask Jupyter for its kernels: %v", err),
			Remedy: "activate the environment that Jupyter is installed in",
		}
	}
	var answer struct {
		Executable, Prefix string
		DataDir            string `json:"data_dir"`
		Path               []string
		Specs              map[string]found
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("read what %s says of its kernels: %w", interpreter, err)
	}
	return &Jupyter{answer.Executable, answer.Prefix, answer.DataDir, answer.Path, answer.Specs}, nil
}

// jupyterInterpreter is the Python that the jupyter in PATH runs with, as its
// first line says, or "".
func jupyterInterpreter() string {
	command, err := exec.LookPath("jupyter")
	if err != nil {
		return ""
	}
	text, err := os.ReadFile(command)
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := strings.Fields(strings.TrimPrefix(string(line), "#!"))
	if len(fields) == 1 && strings.Contains(filepath.Base(fields[0]), "python") {
		return fields[0]
	}
	// A shim, of pyenv for one, or a line that is too long for the kernel:
	// the interpreter beside the command, or the one in PATH.
	for _, name := range []string{filepath.Join(filepath.Dir(command), "python3"), "python3"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// ask runs a script with an interpreter, away from the working directory,
// whose files could be taken for modules.
func ask(interpreter, script string) ([]byte, error) {
	var errs bytes.Buffer
	cmd := exec.Command(interpreter, "-c", script)
	cmd.Dir, cmd.Stderr = "/", &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", interpreter, err, text.LastLine(errs.String()))
	}
	return out, nil
}

// searchUsual looks where kernels are by convention (jupyter_core's
// jupyter_path), when there is no Jupyter to ask.
func searchUsual() *Jupyter {
	home, _ := os.UserHomeDir()
	j := &Jupyter{DataDir: jupyter.DataDir(home), specs: map[string]found{}}
	roots := filepath.SplitList(os.Getenv("JUPYTER_PATH"))
	roots = append(roots, j.DataDir)
	for _, prefix := range []string{os.Getenv("VIRTUAL_ENV"), os.Getenv("CONDA_PREFIX"), "/usr/local", "/usr"} {
		if prefix != "" {
			roots = append(roots, filepath.Join(prefix, "share/jupyter"))
		}
	}
	for _, root := range roots {
		dir := filepath.Join(root, "kernels")
		j.Path = append(j.Path, dir)
		entries, _ := os.ReadDir(dir) // most of them don't exist
		for _, entry := range entries {
			name := strings.ToLower(entry.Name())
			if _, err := os.Stat(filepath.Join(dir, entry.Name(), "kernel.json")); err != nil {
				continue
			}
			if _, taken := j.specs[name]; !taken {
				j.specs[name] = found{Dir: filepath.Join(dir, entry.Name())}
			}
		}
	}
	return j
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
			return nil, &Error{Reason: err.Error(), Remedy: "install that kernel again"}
		}
	} else if err := spec.Validate(); err != nil {
		return nil, err
	}
	return &Kernel{Name: key, Dir: hit.Dir, Spec: spec}, nil
}

// key is the name that Jupyter knows a kernel by.
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
		spec, err := readSpec(filepath.Join(place, "kernel.json"))
		if err == nil {
			return &Kernel{Name: strings.ToLower(name), Dir: place, Spec: spec}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, &Error{Reason: err.Error(), Remedy: "install that kernel again"}
		}
	}
	return nil, &Error{Reason: fmt.Sprintf("no kernel %s in %s", name, dir), Remedy: "name the directory that has its kernel.json"}
}

// Count is how many kernels Jupyter finds.
func (j *Jupyter) Count() int { return len(j.specs) }

// Names are the kernels that can be isolated: all but the isolated ones.
func (j *Jupyter) Names() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(j.specs)) {
		spec, err := readSpec(filepath.Join(j.specs[name].Dir, "kernel.json"))
		if err != nil || !isTwin(spec) {
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
		if info, err := os.Stat(filepath.Join(dir, "kernel.json")); err == nil && info.Mode().IsRegular() && dir != base.Dir && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}
