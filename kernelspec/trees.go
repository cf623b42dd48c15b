package kernelspec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/pathname"
)

// inBase are the trees that every sandbox shows.
var inBase = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}

// inBaseSystem reports whether every sandbox shows a path.
func inBaseSystem(path string) bool {
	return slices.ContainsFunc(inBase, func(tree string) bool { return pathname.Within(path, tree) })
}

// stores are directories in which each package has its own directory and names the
// packages that it needs. Everybody may read them, and they hold no secrets.
var stores = []string{"/nix/store", "/gnu/store"}

// programTrees returns what shows a program: the directory of each link that leads
// to it, and the tree that it was installed with.
func programTrees(path string) (trees []string) {
	for _, path := range linksTo(path) {
		_, err := os.Readlink(path)
		switch dir := filepath.Dir(path); {
		case err != nil: // the end
			trees = append(trees, programTree(path))
		case tooWide(dir):
			trees = append(trees, path)
		default:
			trees = append(trees, dir)
		}
	}
	return trees
}

// programTree returns the tree that a file was installed with: the outermost
// node_modules that holds it, the prefix above its bin, or its directory. If that
// holds more than programs, it returns only the file.
func programTree(path string) string {
	for _, store := range stores {
		if pathname.Within(path, store) {
			return store
		}
	}
	if i := strings.Index(path, "/node_modules/"); i >= 0 {
		return path[:i+len("/node_modules")]
	}

	dir := filepath.Dir(path)
	if base := filepath.Base(dir); base == "bin" || base == "libexec" {
		if tree := filepath.Dir(dir); !tooWide(tree) {
			return tree
		}
	}
	if tooWide(dir) {
		return path
	}
	return dir
}

// tooWide reports whether a directory holds more than a program: one that shows the
// home directory or the user's own files, or one of the top level, such as /opt.
func tooWide(dir string) bool { return filepath.Dir(dir) == "/" || showsHome(dir) }

// showsHome reports whether a directory is the home directory, lies above it, or is
// one of those in it that programs share for the user's files.
func showsHome(dir string) bool {
	home, err := os.UserHomeDir()
	if err != nil || home == "" {
		return false
	}
	homes := []string{filepath.Clean(home)}
	if real, err := filepath.EvalSymlinks(home); err == nil {
		homes = append(homes, real)
	}
	for _, home := range homes {
		for _, own := range []string{home, filepath.Join(home, ".local"), filepath.Join(home, ".local/share"), filepath.Join(home, ".config")} {
			if pathname.Within(own, dir) {
				return true
			}
		}
	}
	return false
}

// fileTree returns what to show for a file that was read: only the file, since anything
// may lie beside it, unless it is in a store.
func fileTree(path string) string {
	for _, store := range stores {
		if pathname.Within(path, store) {
			return store
		}
	}
	return path
}

// reduce drops what the base system or another directory of the list already shows,
// and what can't be mounted.
func reduce(paths []string) []string {
	var kept []string
	for _, path := range paths {
		path = filepath.Clean(path)
		covered := func(tree string) bool {
			tree = filepath.Clean(tree)
			return tree != "/" && tree != path && pathname.Within(path, tree)
		}
		if filepath.IsAbs(path) && path != "/" && !inBaseSystem(path) && !slices.ContainsFunc(paths, covered) {
			kept = append(kept, path)
		}
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}
