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
	"isolate-namespace/internal/remedy"
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

// ModuleRemedy returns what helps a Python's kernel that doesn't find a module.
func ModuleRemedy(python, module string) string {
	if said, err := askPython(python, os.Environ(), module); err == nil && len(said.Missing) == 0 { // without isolation
		return remedy.UpdateShows
	}
	return remedy.InstallModule(python, module)
}

// pythonName is what jupyter_client replaces by its own interpreter when it is
// the first word of a command (KernelManager.format_kernel_cmd).
var pythonName = regexp.MustCompile(`^python(3(\.\d+)?)?$`)

//go:embed ask/python_paths.py
var pythonScript string

// A pythonAnswer is what a Python says of itself.
type pythonAnswer struct {
	Paths    []string // that it reads
	Missing  []string // of the modules that it was asked for
	Debugger []string // each directory that debugpy could be imported from

	Libraries []string // its own and its packages' directories
	Suffix    string   // of files with bytecode; "" if they don't lie beside the modules
	Magic     string   // at the beginning of these, in hexadecimal
}

// askPython asks a Python about itself, and about modules.
func askPython(program string, environ []string, modules ...string) (answer pythonAnswer, err error) {
	out, err := ask(program, pythonScript, environ, modules...)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return answer, fmt.Errorf("read what %s needs: %w", program, err)
	}
	return answer, nil
}

// pythonModule returns the module, without its submodules, that these arguments
// of a Python run; other says that they run something else.
func pythonModule(args []string) (module string, other bool) {
	for len(args) > 0 {
		switch arg := args[0]; {
		case arg == "-m" && len(args) > 1:
			module, _, _ := strings.Cut(args[1], ".")
			return module, false
		case arg == "-X" || arg == "-W":
			args = args[min(2, len(args)):]
		case strings.HasPrefix(arg, "-") && arg != "-c":
			args = args[1:]
		default:
			return "", arg != "{connection_file}"
		}
	}
	return "", false
}

// missingModule returns the module that a command of Python's runs and that it
// doesn't find, or "".
func missingModule(argv []string, language string, environ []string) (string, error) {
	if len(argv) == 0 || !isPython(argv[0], language) {
		return "", nil
	}
	module, _ := pythonModule(argv[1:])
	if module == "" {
		return "", nil
	}
	said, err := askPython(argv[0], environ, module)
	return strings.Join(said.Missing, " "), err
}

// ask runs a script with an interpreter, away from the working directory,
// whose files could be taken for modules.
func ask(interpreter, script string, environ []string, args ...string) ([]byte, error) {
	out, _, err := answer(interpreter, append([]string{"-c", script}, args...), environ)
	return out, err
}
