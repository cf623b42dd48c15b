package kernelspec

import (
	_ "embed"
	"path/filepath"
	"slices"
	"strings"
)

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
