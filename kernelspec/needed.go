package kernelspec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/remedy"
)

// A need is what one kernel must have inside.
type need struct {
	paths  []string          // to show; settle reduces them
	files  []string          // to show, if need be one by one
	read   []string          // files that the command read on the way to the program
	write  []string          // directories to show as copies that can be written to
	masked []string          // of what is shown, directories to hide
	env    map[string]string // variables that make it write elsewhere
	notes  []string          // for a person

	hidden []string // of what the command read, what only its owner can

	asked   []string // the program that said what it reads, and what it said
	unknown bool     // the kernel's program can't be asked what it reads
	try     bool     // the command only leads to the program, and does start it
	ends    []string // with this command; nil if that could not be seen
}

// A command is a kernel's as it is resolved, and what it is run with.
type command struct {
	argv     []string
	language string
	environ  []string
}

// needed finds out what a command must have inside: by asking its program, if we know
// how to, or else by running it and watching what it does. dir is the kernel's own
// directory, which front ends may pass to it.
func needed(ctx context.Context, c command, dir string) (*need, error) {
	n := &need{paths: []string{dir}, env: map[string]string{}}
	linker := newLinker()
	n.program(c.argv[0], linker, c.environ)
	n.arguments(c.argv[1:])

	if err := n.ask(c, linker); err != nil {
		return nil, err
	}
	if module, err := missingModule(c.argv, c.language, c.environ); err == nil && module != "" {
		n.notes = append(n.notes, fmt.Sprintf("the kernel doesn't start: its interpreter has no module %s; %s",
			module, remedy.InstallModule(c.argv[0], module)))
	} else if n.unknown || isWrapper(c.argv, c.language) {
		if err := n.watch(ctx, c, linker); err != nil {
			return nil, err
		}
	}

	if n.unknown || n.try {
		n.asked = nil
	}

	n.files = append(n.files, linker.files...)
	n.paths = append(n.paths, linker.trees...)
	n.settle()
	return n, nil
}

// program adds a program, what it was installed with, and what it is linked
// with.
func (n *need) program(path string, linker *linker, environ []string) {
	n.paths = append(n.paths, programTrees(path)...)
	n.files = append(n.files, path)
	linker.add(path, libraryPath(environ))
}

// ask adds what the command's program says that it reads.
func (n *need) ask(c command, linker *linker) error {
	program := c.argv[0]
	paths, known, err := askMake(program, c.language, c.environ)
	if err != nil {
		return &Error{Reason: fmt.Sprintf("ask the kernel's interpreter what it needs: %v", err), Remedy: remedy.RunInterpreter}
	}
	if n.unknown = !known; !known {
		return nil
	}

	if strings.HasPrefix(filepath.Base(program), "julia") && len(paths) > 0 && valueOf(c.environ, "JULIA_DEPOT_PATH") == "" {
		// It writes caches and logs to its first depot.
		n.env["JULIA_DEPOT_PATH"] = strings.Join(append([]string{"/tmp/julia"}, paths[1:]...), ":")
	}
	n.asked = append([]string{program}, paths...)
	linker.addModules(reduce(paths), libraryPath(c.environ))
	n.paths = append(n.paths, paths...)
	return nil
}

// isWrapper reports whether a command may only lead to the kernel's program: a
// shell with something to run, a script, or a Python that runs anything but
// ipykernel. Scripts that start a program of a known make, such as that of the
// base system for R, don't count.
func isWrapper(argv []string, language string) bool {
	program := argv[0]
	if isShell(program) {
		return len(argv) > 1 && argv[1] != "{connection_file}"
	}
	if isPython(program, language) && scriptInterpreter(program) == "" {
		module, other := pythonModule(argv[1:])
		return other || module != "" && module != "ipykernel" && module != "ipykernel_launcher"
	}
	real, err := filepath.EvalSymlinks(program)
	if err != nil || scriptInterpreter(real) == "" {
		return false
	}
	return !inBaseSystem(real) || makeOf(program) < 0
}

// argumentPath is where a path may begin in an argument: at its beginning, after
// the name of an option, or after a colon in a list.
var argumentPath = regexp.MustCompile(`^(?:-[A-Za-z]|[^/]*[=:])?(/.*)$`)

// arguments adds what a command's arguments name: scripts, archives, and
// directories such as a profile or a project.
func (n *need) arguments(args []string) {
	for _, arg := range args {
		match := argumentPath.FindStringSubmatch(arg)
		if match == nil {
			continue
		}
		for _, path := range strings.Split(match[1], ":") {
			path = strings.TrimSuffix(path, "/*") // every archive of a directory, to Java
			info, err := os.Stat(path)

			switch {
			case err != nil || !filepath.IsAbs(path) || inBaseSystem(path):
			case info.Mode().IsRegular():
				n.paths = append(n.paths, programTrees(path)...)
				n.files = append(n.files, path)
			case info.IsDir() && showsHome(path):
				n.notes = append(n.notes, path+", which its command names, is not shown: it holds the home directory")
			case info.IsDir() && unix.Access(path, unix.W_OK) == nil:
				n.write = append(n.write, path)
				n.notes = append(n.notes, path+", which its command names, is a copy inside: what a kernel writes there is lost")
			case info.IsDir():
				n.paths = append(n.paths, path)
				n.notes = append(n.notes, path+", which its command names, is read-only inside")
			}
		}
	}
}

// watch runs the command and adds what it uses.
func (n *need) watch(ctx context.Context, c command, linker *linker) error {
	seen, err := observe(ctx, c)
	var fault *unobserved
	switch {
	case errors.As(err, &fault):
		if n.try = !fault.plain; fault.plain {
			n.notes = append(n.notes, "the kernel doesn't start without isolation either: "+fault.reason)
		}
		return nil
	case err != nil:
		return err
	}

	for _, path := range seen.executed {
		n.program(path, linker, seen.environ)
	}
	for _, path := range seen.read {
		if !slices.Contains(seen.executed, path) { // a shell reads its script
			n.read = append(n.read, path)
		}
	}
	n.files = append(n.files, seen.mapped...)
	n.arguments(seen.argv[1:])

	n.try = true
	n.ends = slices.Concat([]string{seen.program}, seen.argv[1:])
	return n.ask(command{n.ends, c.language, seen.environ}, linker)
}
