package kernelspec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A need is what one kernel must have inside.
type need struct {
	dirs    []string
	env     map[string]string // where it must write elsewhere than it would
	unknown bool              // a make that can't be asked: dirs are a guess
}

// needed finds out what a resolved command must have inside besides the base
// system: by asking the interpreter where its make is known.
func needed(argv []string, speaks, dir string) (need, error) {
	n := need{dirs: []string{dir}, env: map[string]string{}}
	program, name := argv[0], filepath.Base(argv[0])
	n.dirs = append(n.dirs, filepath.Dir(program), programTree(program))
	for _, arg := range argv[1:] { // a script or an archive that the interpreter runs
		if _, path, ok := strings.Cut(arg, "=/"); ok {
			arg = "/" + path
		}
		if info, err := os.Stat(arg); err == nil && filepath.IsAbs(arg) && info.Mode().IsRegular() {
			n.dirs = append(n.dirs, programTree(arg))
		}
	}
	paths, known, err := askMake(program, name, speaks)
	if err != nil {
		return n, &Error{Reason: fmt.Sprintf("ask the kernel's interpreter what it needs: %v", err), Remedy: "see that the interpreter runs"}
	}
	if strings.HasPrefix(name, "julia") && len(paths) > 0 && os.Getenv("JULIA_DEPOT_PATH") == "" {
		// It writes caches and logs to its first depot.
		n.env["JULIA_DEPOT_PATH"] = strings.Join(append([]string{"/tmp/julia"}, paths[1:]...), ":")
	}
	n.unknown = !known
	n.dirs = reduce(append(n.dirs, paths...))
	return n, nil
}

// askMake asks a program for the paths that it reads. A script is asked by
// way of what its first line names.
func askMake(program, name, speaks string) (paths []string, known bool, err error) {
	if isPython(program, speaks) {
		paths, err = askPython(program)
		return paths, true, err
	}
	for _, m := range makes {
		if name == m.program {
			paths, err = m.paths(program)
			return paths, true, err
		}
	}
	for _, own := range selfContained {
		if name == own {
			return nil, true, nil
		}
	}
	if interpreter := scriptInterpreter(program); interpreter != "" && interpreter != program {
		paths, known, err = askMake(interpreter, filepath.Base(interpreter), speaks)
		return append(paths, filepath.Dir(interpreter), programTree(interpreter)), known, err
	}
	return nil, false, nil
}

// programTree is the tree that a file was installed with: the outermost
// node_modules that holds it, the prefix above its bin, or its directory. A
// home directory and what holds more than programs is never taken whole.
func programTree(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	if i := strings.Index(real, "/node_modules/"); i >= 0 {
		return real[:i+len("/node_modules")]
	}
	dir := filepath.Dir(real)
	if base := filepath.Base(dir); base != "bin" && base != "libexec" {
		return dir
	}
	home, _ := os.UserHomeDir() // "" lies above nothing
	tree := filepath.Dir(dir)
	if tree == "/" || tree == filepath.Join(home, ".local") || home != "" && within(tree, home) {
		return dir
	}
	return tree
}
