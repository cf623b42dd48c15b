package kernelspec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"isolate-namespace/internal/text"
)

// A need is what one kernel must have inside.
type need struct {
	dirs    []string
	env     map[string]string // where it must write elsewhere than it would
	unknown bool              // a make that can't be asked: dirs are a guess
}

// A language is how the kernels of one language are asked for what they read.
type language struct {
	program string   // the interpreter's file name
	ask     []string // arguments that print absolute paths, one a line
	stderr  bool     // they are printed among the errors
}

// makes are the languages but for Python, which has a script of its own.
var makes = []language{
	{program: "R", ask: []string{"--vanilla", "--slave", "-e", `cat(R.home(), .libPaths(), sep = "\n")`}},
	{program: "Rscript", ask: []string{"--vanilla", "-e", `cat(R.home(), .libPaths(), sep = "\n")`}},
	{program: "julia", ask: []string{"--startup-file=no", "-e", `println(dirname(Sys.BINDIR)); foreach(println, DEPOT_PATH)`}},
	{program: "node", ask: []string{"-p", `[require("path").dirname(process.execPath), ...require("module").globalPaths].join("\n")`}},
	{program: "java", ask: []string{"-XshowSettings:properties", "-version"}, stderr: true},
}

// shells and the like need nothing besides themselves.
var selfContained = []string{"sh", "bash", "dash", "zsh", "fish", "octave", "octave-cli", "xpython", "deno"}

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

func askPython(program string) ([]string, error) {
	out, err := ask(program, pythonScript)
	if err != nil {
		return nil, err
	}
	var answer struct{ Paths []string }
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("read what %s needs: %w", program, err)
	}
	return answer.Paths, nil
}

// paths runs the question and picks the absolute paths that exist.
func (m language) paths(program string) ([]string, error) {
	var out, errs bytes.Buffer
	cmd := exec.Command(program, m.ask...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", program, err, text.LastLine(errs.String()))
	}
	if m.stderr {
		out = errs
	}
	var paths, links []string
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "java.home = "); ok {
			line = rest
		}
		if !filepath.IsAbs(line) {
			continue
		}
		if real, err := filepath.EvalSymlinks(line); err == nil {
			paths = append(paths, line)
			links = append(links, real)
		}
	}
	return append(paths, links...), nil
}

// scriptInterpreter is the program that a script's first line names, looked up
// in PATH where that is env's business; "" where it is no script.
func scriptInterpreter(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 256) // what the kernel looks at
	n, _ := f.Read(head)
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	script, ok := bytes.CutPrefix(line, []byte("#!"))
	fields := strings.Fields(string(script))
	if !ok || len(fields) == 0 {
		return ""
	}
	if filepath.Base(fields[0]) != "env" {
		return fields[0]
	}
	for _, field := range fields[1:] {
		if strings.HasPrefix(field, "-") || strings.Contains(field, "=") {
			continue
		}
		found, err := exec.LookPath(field)
		if err != nil {
			return ""
		}
		return found
	}
	return ""
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
