package kernelspec

import (
	"bytes"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/regular"
)

// A language says how to ask the kernels of one language what they read.
type language struct {
	program string   // the interpreter's file name
	ask     []string // arguments that print absolute paths, one a line
	stderr  bool     // they are printed among the errors
}

// makes are the languages except Python, which has its own script.
var makes = []language{
	{program: "R", ask: []string{"--vanilla", "--slave", "-e", `cat(R.home(), .libPaths(), sep = "\n")`}},
	{program: "Rscript", ask: []string{"--vanilla", "-e", `cat(R.home(), .libPaths(), sep = "\n")`}},
	{program: "julia", ask: []string{"--startup-file=no", "-e", `println(dirname(Sys.BINDIR)); foreach(println, DEPOT_PATH)`}},
	{program: "node", ask: []string{"-p", `[require("path").dirname(process.execPath), ...require("module").globalPaths].join("\n")`}},
	{program: "java", ask: []string{"-XshowSettings:properties", "-version"}, stderr: true},
}

// selfContained are programs that need nothing but what they were installed
// with.
var selfContained = []string{"octave", "octave-cli", "xpython", "deno"}

// isShell reports whether a program is a shell, by its name.
func isShell(program string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "zsh", "fish", "ksh", "csh", "tcsh"}, filepath.Base(program))
}

// makeOf returns the index of a program's make in makes, or -1.
func makeOf(program string) int {
	name := filepath.Base(program)
	return slices.IndexFunc(makes, func(m language) bool { return name == m.program })
}

// askMake asks a program for the paths that it reads; known is false if nobody knows
// how to ask it. For a script it asks the program that the first line names, which
// may be a script again.
func askMake(program, language string, environ []string) (paths []string, known bool, err error) {
	for range maxScripts {
		asked, known, err := askProgram(program, language, environ)
		if known || err != nil {
			return append(asked, paths...), known, err
		}
		interpreter := scriptInterpreter(program)
		if interpreter == "" || isShell(interpreter) {
			break
		}
		paths = append(paths, programTrees(interpreter)...)
		program = interpreter
	}
	return nil, false, nil
}

// maxScripts is how many scripts the kernel starts for one another, and the
// program that the last of them names (exec_binprm in fs/exec.c).
const maxScripts = 6

func askProgram(program, language string, environ []string) (paths []string, known bool, err error) {
	name := filepath.Base(program)
	if isPython(program, language) {
		said, err := askPython(program, environ)
		return said.Paths, true, err
	}
	if i := makeOf(program); i >= 0 {
		paths, err = makes[i].paths(program, environ)
		return paths, true, err
	}
	return nil, isShell(program) || slices.Contains(selfContained, name), nil
}

// paths runs the question and picks the absolute paths that exist.
func (m language) paths(program string, environ []string) ([]string, error) {
	out, errs, err := answer(program, m.ask, environ)
	if err != nil {
		return nil, err
	}
	if m.stderr {
		out = []byte(errs)
	}

	var paths, links []string
	for line := range strings.Lines(string(out)) {
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

// scriptInterpreter returns the program that a script's first line names, looked
// up in PATH if the line names env(1). It returns "" for other files.
func scriptInterpreter(path string) string {
	fields := firstLine(path)
	if len(fields) == 0 {
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

// firstLine returns the words of a script's first line, without "#!", and none of
// other files.
func firstLine(path string) []string {
	f, err := regular.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()

	head := make([]byte, 256) // as much as the kernel reads
	n, _ := io.ReadFull(f, head)
	line, _, whole := bytes.Cut(head[:n], []byte("\n"))
	script, ok := bytes.CutPrefix(line, []byte("#!"))
	words := strings.Fields(string(script))
	switch {
	case !ok || len(words) == 0:
		return nil
	case !whole && n == len(head): // the last word may go on
		return words[:len(words)-1]
	}
	return words
}
