// Package pathname says whether one path lies in another. It looks at the text alone:
// links aren't followed, and paths are clean (filepath.Clean), but for a slash
// that may end a directory's.
package pathname

import "strings"

// Within reports whether path is dir or lies in it.
func Within(path, dir string) bool {
	_, ok := Below(path, dir)
	return ok
}

// Below returns path as seen from dir, which it is or lies in: "", or "/" and more.
func Below(path, dir string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, strings.TrimSuffix(dir, "/"))
	return rest, ok && (rest == "" || rest[0] == '/')
}
