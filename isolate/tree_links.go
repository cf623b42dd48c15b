package isolate

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// resolve follows the links that n's target leads through inside: /bin/x is
// /usr/bin/x where /bin is a link.
func (t *tree) resolve(n *node) error {
	for range maxLinks {
		next, moved := t.step(n)
		if !moved {
			return nil
		}
		n.target = next
	}
	return &SetupError{Doing: "mount at", Path: n.target, Err: unix.ELOOP}
}

// step replaces the first link in n's target, if there is one.
func (t *tree) step(n *node) (target string, moved bool) {
	for end := 1; end <= len(n.target); end++ {
		isEnd := end == len(n.target)
		if !isEnd && n.target[end] != '/' {
			continue
		}
		path, rest := n.target[:end], n.target[end:]
		to := t.linkAt(path)
		// A link at the very end is covered only by a mount that means it.
		if to == "" || isEnd && n.kind == linkNode {
			continue
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		return filepath.Join(to, rest), true
	}
	return "", false
}

// linkAt returns where a link at path inside points to, or "".
func (t *tree) linkAt(path string) string {
	if n := t.at[path]; n != nil && n.kind == linkNode {
		return n.source
	}
	cover := t.covering(path)
	if cover == nil || !cover.hostBacked() {
		return ""
	}
	to, _ := os.Readlink(cover.outside(path))
	return to
}
