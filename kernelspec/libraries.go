package kernelspec

import (
	"bufio"
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/executable"
	"isolate-namespace/internal/pathname"
)

// A linker finds the files that programs and libraries are linked with, as
// ld.so(8) does: the loader itself, and libraries.
type linker struct {
	configured []string // the directories of ld.so.conf
	seen       map[string]bool
	files      []string // found outside of the base system, as they are named

	trees []string // that links among packages lead to

	// visible says which files count; nil means all. A library is missing if only
	// files exist that don't count.
	visible func(path string) bool
	missing []string
}

func newLinker() *linker {
	return &linker{configured: configuredDirs("/etc/ld.so.conf", map[string]bool{}), seen: map[string]bool{}}
}

// configuredDirs returns the directories that a file of ld.so.conf names, and the
// files that it includes, of which each counts once.
func configuredDirs(path string, seen map[string]bool) (dirs []string) {
	if seen[path] {
		return nil
	}
	seen[path] = true
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()

	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		line = strings.TrimSpace(line)
		pattern, include := strings.CutPrefix(line, "include ")
		switch {
		case include:
			pattern = strings.TrimSpace(pattern)
			if !filepath.IsAbs(pattern) {
				pattern = filepath.Join(filepath.Dir(path), pattern)
			}
			included, _ := filepath.Glob(pattern) // sorted
			for _, file := range included {
				dirs = append(dirs, configuredDirs(file, seen)...)
			}
		case filepath.IsAbs(line):
			dirs = append(dirs, line)
		}
	}
	return dirs
}

// add finds what a program or a library is linked with. libraryPath is what
// LD_LIBRARY_PATH has for it.
func (l *linker) add(path string, libraryPath []string) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil || l.seen[real] {
		return
	}
	l.seen[real] = true
	file, err := executable.ReadPath(real)
	if err != nil || file.Script {
		return
	}

	if file.Interpreter != "" {
		l.found(file.Interpreter, libraryPath)
	}

	before, after := runPaths(file, filepath.Dir(real))
	search := slices.Concat(before, libraryPath, after, l.configured)
	for _, name := range file.Needed {
		if strings.Contains(name, "/") {
			l.found(name, libraryPath)
			continue
		}
		l.library(name, search, libraryPath)
	}
}

// library finds a library by its name.
func (l *linker) library(name string, search, libraryPath []string) {
	hidden := ""
	for _, dir := range search {
		candidate := filepath.Join(dir, name)
		if info, err := os.Stat(candidate); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if l.visible == nil || l.visible(candidate) {
			l.found(candidate, libraryPath)
			return
		}
		hidden = cmp.Or(hidden, candidate)
	}

	for _, dir := range []string{"/lib64", "/lib", "/usr/lib64", "/usr/lib"} { // ld.so's own
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return
		}
	}
	if hidden != "" {
		l.missing = append(l.missing, hidden)
	}
}

// found notes a file, and what it is linked with itself. Files of the base system are
// linked only with others of it.
func (l *linker) found(path string, libraryPath []string) {
	if !filepath.IsAbs(path) {
		return
	}
	if l.visible != nil && !l.visible(path) {
		l.missing = append(l.missing, path)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return
	}
	for _, name := range []string{path, real} {
		if !inBaseSystem(name) && !slices.Contains(l.files, name) {
			l.files = append(l.files, name)
		}
	}
	if !inBaseSystem(real) {
		l.add(real, libraryPath)
	}
}

// runPaths returns the directories that a file itself names for its libraries: those
// searched before LD_LIBRARY_PATH (DT_RPATH) and those searched after it
// (DT_RUNPATH, with which the former don't count).
func runPaths(file executable.File, origin string) (before, after []string) {
	if after = directories(file.RunPath, origin); after != nil {
		return nil, after
	}
	return directories(file.RPath, origin), nil
}

// directories returns those of lists with colons.
func directories(lists []string, origin string) (dirs []string) {
	for _, list := range lists {
		for _, dir := range strings.Split(list, ":") {
			dir = strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin).Replace(dir)
			if filepath.IsAbs(dir) {
				dirs = append(dirs, filepath.Clean(dir))
			}
		}
	}
	return dirs
}

// maxEntries limits how many files and directories of one interpreter we look at.
const maxEntries = 200_000

// addModules finds what the extension modules below some directories are linked
// with, and where links among the packages lead: in environments that are made
// of links, as Nix, Guix and Spack make them, to packages elsewhere.
func (l *linker) addModules(dirs, libraryPath []string) {
	left := maxEntries
	for len(dirs) > 0 {
		dir := dirs[0]
		dirs = dirs[1:]
		if showsHome(dir) {
			continue
		}

		filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if left--; err != nil || left < 0 {
				return nil
			}
			name := entry.Name()
			if strings.HasSuffix(name, ".so") || strings.Contains(name, ".so.") {
				l.add(path, libraryPath)
			}
			if entry.Type()&fs.ModeSymlink != 0 && strings.Contains(path, "-packages/") {
				if tree := l.linkedTree(path); tree != "" {
					dirs = append(dirs, tree)
				}
			}
			return nil
		})
	}
}

// linkedTree notes the tree that a link among packages leads to, and returns it
// if it is new.
func (l *linker) linkedTree(link string) string {
	real, err := filepath.EvalSymlinks(link)
	if err != nil || inBaseSystem(real) || pathname.Within(real, filepath.Dir(link)) {
		return ""
	}
	tree := real
	if prefix, _, found := strings.Cut(real, "/lib/python"); found && prefix != "" {
		if pathname.Within(link, prefix) {
			return ""
		}
		tree = prefix
	}
	if slices.Contains(l.trees, tree) {
		return ""
	}
	l.trees = append(l.trees, tree)
	return tree
}

// libraryPath returns the directories of LD_LIBRARY_PATH.
func libraryPath(environ []string) (dirs []string) {
	for _, dir := range filepath.SplitList(valueOf(environ, "LD_LIBRARY_PATH")) {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, filepath.Clean(dir))
		}
	}
	return dirs
}

// valueOf returns a variable's value in an environment: that of the last entry.
func valueOf(environ []string, name string) (value string) {
	for _, entry := range environ {
		if rest, ok := strings.CutPrefix(entry, name+"="); ok {
			value = rest
		}
	}
	return value
}
