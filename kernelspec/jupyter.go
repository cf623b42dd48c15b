package kernelspec

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"isolate-namespace/internal/jupyter"
	"isolate-namespace/internal/remedy"
)

// A Jupyter holds what one installation of Jupyter says about itself.
type Jupyter struct {
	Executable string   // its interpreter; empty if there is none
	Prefix     string   // of that interpreter
	DataDir    string   // the user's, such as ~/.local/share/jupyter
	Path       []string // where kernels are searched for, first hit first
	specs      map[string]found
	native     *found // ipykernel's own python3, if a twin has that name
	launcher   string // beside this command
}

type found struct {
	Dir  string
	Spec Spec // for a kernel that has no kernel.json
}

//go:embed ask/jupyter_kernels.py
var jupyterScript string

// FindJupyter asks the Jupyter that the command jupyter of PATH belongs to.
// Without one the usual places are searched. Twins are expected to start the launcher
// at the path given, or a copy of it.
func FindJupyter(launcher string) (*Jupyter, error) {
	interpreter := jupyterInterpreter()
	if interpreter == "" {
		j := searchUsual()
		j.launcher = launcher
		return j, nil
	}
	out, err := ask(interpreter, jupyterScript, os.Environ())
	if err != nil {
		return nil, &Error{
			Reason: fmt.Sprintf("ask Jupyter for its kernels: %v", err),
			Remedy: remedy.ActivateJupyter,
		}
	}

	var answer struct {
		Executable, Prefix string
		DataDir            string `json:"data_dir"`
		Path               []string
		Specs              map[string]found
		Native             *found
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("read what %s says of its kernels: %w", interpreter, err)
	}
	return &Jupyter{answer.Executable, answer.Prefix, answer.DataDir, answer.Path, answer.Specs, answer.Native, launcher}, nil
}

// jupyterInterpreter returns the Python that the jupyter in PATH runs with, as its
// first line says, or "".
func jupyterInterpreter() string {
	command, err := exec.LookPath("jupyter")
	if err != nil {
		return ""
	}
	if fields := firstLine(command); len(fields) == 1 && strings.Contains(filepath.Base(fields[0]), "python") {
		return fields[0]
	}

	// It is a shim, as of pyenv, or the line is too long for the kernel: use the
	// interpreter beside the command, or the one in PATH.
	for _, name := range []string{filepath.Join(filepath.Dir(command), "python3"), "python3"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}

	return ""
}

// searchUsual looks for kernels in the conventional places (jupyter_core's
// jupyter_path), if there is no Jupyter to ask.
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
