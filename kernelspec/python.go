package kernelspec

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"isolate-namespace/internal/kernelargv"
	"isolate-namespace/internal/regular"
)

// python returns the interpreter that a bare name, such as python3, means in the
// base's command: Jupyter starts the interpreter that it runs with itself. If the
// spec lies in a Python environment, where no other Jupyter looks, that is the
// environment's. If every Jupyter finds the spec, it is the interpreter that the
// twin was made with, or else that of the current Jupyter. If there is none of
// these it is "".
func (k *Kernel) python(name string, j *Jupyter) string {
	kernels := filepath.Dir(k.Dir)
	prefix, conventional := strings.CutSuffix(kernels, "/share/jupyter/kernels")
	shared := prefix == "/usr" || prefix == "/usr/local" || kernels == filepath.Join(j.DataDir, "kernels")
	candidates := []string{k.Interpreter}
	if conventional && !shared {
		bin := filepath.Join(prefix, "bin")
		switch {
		case filepath.Dir(k.Interpreter) == bin: // by whichever of its names
			candidates = append(candidates, filepath.Join(bin, name), filepath.Join(bin, "python3"))
		case prefix == j.Prefix:
			return j.Executable
		default:
			candidates = []string{filepath.Join(bin, name), filepath.Join(bin, "python3"), k.Interpreter}
		}
	}

	for _, path := range candidates {
		if regular.Executable(path) {
			return path
		}
	}

	return j.Executable
}

func isPython(program, language string) bool {
	name := filepath.Base(program)
	return pythonName.MatchString(name) || strings.EqualFold(language, "python") && strings.HasPrefix(name, "python")
}

// Python returns the Python that a command runs, isolated or not, or "".
func Python(argv []string, language string) string {
	kernel := kernelargv.Parse(argv).Kernel
	if len(kernel) == 0 || !isPython(kernel[0], language) {
		return ""
	}
	return kernel[0]
}

// HasModule reports whether a Python finds a module.
func HasModule(python, module string) bool {
	const script = "import importlib.util as u, sys; sys.exit(u.find_spec(%q) is None)"
	_, err := ask(python, fmt.Sprintf(script, module), os.Environ())
	return err == nil
}

// pythonName is what jupyter_client replaces by its own interpreter when it is
// the first word of a command (KernelManager.format_kernel_cmd).
var pythonName = regexp.MustCompile(`^python(3(\.\d+)?)?$`)

//go:embed ask/python_paths.py
var pythonScript string

func askPython(program string, environ []string) ([]string, error) {
	out, err := ask(program, pythonScript, environ)
	if err != nil {
		return nil, err
	}
	var answer struct{ Paths []string }
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("read what %s needs: %w", program, err)
	}
	return answer.Paths, nil
}

// ask runs a script with an interpreter, away from the working directory,
// whose files could be taken for modules.
func ask(interpreter, script string, environ []string) ([]byte, error) {
	out, _, err := answer(interpreter, []string{"-c", script}, environ)
	return out, err
}
