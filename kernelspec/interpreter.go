package kernelspec

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"isolate-namespace/internal/regular"
	"isolate-namespace/internal/remedy"
)

// Command returns the command that Jupyter runs for a kernel, with {connection_file}
// in it.
func (j *Jupyter) Command(k *Kernel) ([]string, error) {
	if isTwin(k.Spec) {
		return k.Spec.Argv(), nil // Install has made it absolute
	}
	return resolve(k, j)
}

// resolve makes a kernel's command absolute: its program, by the rules that Jupyter
// would apply, and the placeholders that only Jupyter knows. {connection_file} stays.
func resolve(base *Kernel, j *Jupyter) ([]string, error) {
	resolved := base.Spec.Argv()
	for i, arg := range resolved {
		arg = strings.ReplaceAll(arg, "{resource_dir}", base.Dir)
		if strings.Contains(arg, "{prefix}") && j.Prefix == "" {
			return nil, &Error{
				Reason: "the command has {prefix}, and there is no Jupyter to ask for it",
				Remedy: remedy.ActivateJupyter,
			}
		}
		resolved[i] = strings.ReplaceAll(arg, "{prefix}", j.Prefix)
	}

	program, err := base.program(resolved[0], j)
	if err != nil {
		return nil, err
	}
	if !regular.Executable(program) {
		return nil, &Error{Reason: fmt.Sprintf("the kernel's program %s can't be executed", program), Remedy: remedy.InstallKernelAgain}
	}
	resolved[0] = program
	return resolved, checkPlaceholders(resolved)
}

// program returns the absolute path of the program that a kernel's command
// names.
func (k *Kernel) program(name string, j *Jupyter) (string, error) {
	if pythonName.MatchString(name) {
		if python := k.python(name, j); python != "" {
			return python, nil
		}
	}
	if below, ok := strings.CutPrefix(name, "~/"); ok {
		home, err := os.UserHomeDir()
		return filepath.Join(home, below), err
	}
	if filepath.IsAbs(name) {
		return name, nil
	}

	path, err := exec.LookPath(name)
	if err != nil && pythonName.MatchString(name) { // Debian has no python without a 3
		path, err = exec.LookPath("python3")
	}
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", &Error{Reason: fmt.Sprintf("the kernel's program %s is not in PATH", name), Remedy: remedy.InstallProgram}
	}
	return path, nil
}

// checkPlaceholders returns an error unless {connection_file} is there exactly once
// and no other brace is: some front ends replace only the first placeholder, others
// take every brace for one.
func checkPlaceholders(argv []string) error {
	all := strings.Join(argv, "\x00")
	if strings.Count(all, "{connection_file}") != 1 {
		return &Error{Reason: "the command doesn't have {connection_file} exactly once", Remedy: remedy.MendArgv}
	}
	if rest := strings.Replace(all, "{connection_file}", "", 1); strings.ContainsAny(rest, "{}") {
		return &Error{Reason: "the command has braces that some front ends would take for placeholders", Remedy: remedy.MendArgv}
	}
	return nil
}
