package kernelspec

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

//go:embed ask/python_paths.py
var pythonScript string

// pythonName is what jupyter_client replaces by its own interpreter when it is
// the first word of a command (KernelManager.format_kernel_cmd).
var pythonName = regexp.MustCompile(`^python(3(\.\d+)?)?$`)

// Command is the command that Jupyter runs for a kernel, with {connection_file}
// in it.
func (j *Jupyter) Command(k *Kernel) ([]string, error) {
	if isTwin(k.Spec) {
		return k.Spec.Argv(), nil // Install has made it absolute
	}
	return resolve(k, j)
}

// resolve makes a kernel's command absolute: its program by the rules that
// Jupyter itself would have applied, and the placeholders that only Jupyter
// knows. What is left is {connection_file}.
func resolve(base *Kernel, j *Jupyter) ([]string, error) {
	resolved := base.Spec.Argv()
	for i, arg := range resolved {
		arg = strings.ReplaceAll(arg, "{resource_dir}", base.Dir)
		if strings.Contains(arg, "{prefix}") && j.Prefix == "" {
			return nil, &Error{Reason: "the command has {prefix}, and there is no Jupyter to ask for it", Remedy: "activate the environment that Jupyter is installed in"}
		}
		resolved[i] = strings.ReplaceAll(arg, "{prefix}", j.Prefix)
	}
	program, python := resolved[0], ""
	if pythonName.MatchString(program) {
		python = base.python(program, j)
	}
	switch {
	case python != "":
		resolved[0] = python
	case strings.HasPrefix(program, "~/"):
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		resolved[0] = filepath.Join(home, program[2:])
	case !filepath.IsAbs(program):
		path, err := exec.LookPath(program)
		if err != nil && pythonName.MatchString(program) { // Debian has no python without a 3
			path, err = exec.LookPath("python3")
		}
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return nil, &Error{Reason: fmt.Sprintf("the kernel's program %s is not in PATH", program), Remedy: "install it, or activate its environment"}
		}
		resolved[0] = path
	}
	if info, err := os.Stat(resolved[0]); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return nil, &Error{Reason: fmt.Sprintf("the kernel's program %s can't be executed", resolved[0]), Remedy: "install that kernel again"}
	}
	return resolved, checkPlaceholders(resolved)
}

// python is the interpreter that a bare name of one means in the base's command.
// Jupyter takes the one that it runs with, whoever made the base. In an
// environment of Python's, where no other's Jupyter looks, that is the
// environment's own, whichever is active now. A base that all of them find
// means the one that its twin was made with, or else that of the Jupyter at
// hand. It is "" where there is none of these.
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
		if executable(path) {
			return path
		}
	}
	return j.Executable
}

// checkPlaceholders wants {connection_file} exactly once and no brace besides:
// some front ends replace only the first, others take every brace for a
// placeholder.
func checkPlaceholders(argv []string) error {
	all := strings.Join(argv, "\x00")
	if strings.Count(all, "{connection_file}") != 1 {
		return &Error{Reason: "the command doesn't have {connection_file} exactly once", Remedy: "mend the argv of the base kernel.json"}
	}
	if rest := strings.Replace(all, "{connection_file}", "", 1); strings.ContainsAny(rest, "{}") {
		return &Error{Reason: "the command has braces that some front ends would take for placeholders", Remedy: "mend the argv of the base kernel.json"}
	}
	return nil
}

// Python is the Python that a command runs, isolated or not, or "".
func Python(argv []string, language string) string {
	_, _, kernel := splitCommand(argv)
	if len(kernel) == 0 || !isPython(kernel[0], language) {
		return ""
	}
	return kernel[0]
}

// HasModule says whether a Python finds a module.
func HasModule(python, module string) bool {
	const script = "import importlib.util as u, sys; sys.exit(u.find_spec(%q) is None)"
	_, err := ask(python, fmt.Sprintf(script, module))
	return err == nil
}

func isPython(program, language string) bool {
	name := filepath.Base(program)
	return pythonName.MatchString(name) || strings.EqualFold(language, "python") && strings.HasPrefix(name, "python")
}

// inBase are the trees that every sandbox shows.
var inBase = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}

// reduce drops what the base system or another directory of the list shows
// already, and what is not for mounting.
func reduce(dirs []string) []string {
	var kept []string
	for _, dir := range dirs {
		dir = filepath.Clean(dir)
		covered := func(tree string) bool {
			tree = filepath.Clean(tree)
			return tree != "/" && tree != dir && within(tree, dir)
		}
		if !filepath.IsAbs(dir) || dir == "/" || slices.ContainsFunc(dirs, covered) ||
			slices.ContainsFunc(inBase, func(tree string) bool { return within(tree, dir) }) {
			continue
		}
		kept = append(kept, dir)
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}

// within says whether dir is tree or lies in it.
func within(tree, dir string) bool { return dir == tree || strings.HasPrefix(dir, tree+"/") }

// mountEntries writes directories in the syntax of MNTDIRS, read-only. One may
// be gone some day, which is for the kernel to complain about.
func mountEntries(dirs []string) string {
	escape := strings.NewReplacer(`\`, `\\`, " ", `\ `, "\t", "\\\t", "\n", "\\\n", "=", `\=`)
	var entries []string
	for _, dir := range dirs {
		entries = append(entries, "ro,try:"+escape.Replace(dir))
	}
	return strings.Join(entries, " ")
}
