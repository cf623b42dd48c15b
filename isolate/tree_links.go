package isolate

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// resolve follows the links that n's target leads through inside: /bin/x is
// /usr/bin/x where /bin is a link.
func (t *tree) resolve(n *node) error {
	target, err := t.lead(n.target, n.kind == linkNode, func(string) error { return nil })
	if err == nil {
		n.target = target
	}
	return err
}

// lead returns where a path inside leads, asking about each link before it is followed.
// One that is meant itself is not followed at the end.
func (t *tree) lead(path string, isMeant bool, ask func(link string) error) (string, error) {
	target := "/"
	rest := strings.Split(path, "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			target = filepath.Dir(target)
			continue
		}

		next := filepath.Join(target, name)
		to := t.linkAt(next)
		if to == "" || len(rest) == 0 && isMeant {
			target = next
			continue
		}
		if err := ask(next); err != nil {
			return "", err
		}
		if links++; links > maxLinks {
			return "", &SetupError{Doing: "mount at", Path: path, Err: unix.ELOOP}
		}
		if filepath.IsAbs(to) {
			target = "/"
		}
		rest = append(strings.Split(to, "/"), rest...)
	}

	return target, nil
}

// linkAt returns where a link at path inside points to, or "".
func (t *tree) linkAt(path string) string {
	if l, ok := t.ways[path]; ok {
		return l.to
	}
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
