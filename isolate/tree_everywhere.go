package isolate

import (
	"errors"
	"io/fs"
	"path/filepath"

	"isolate-namespace/internal/pathname"
)

// A Place is where a program would see something of the machine.
type Place struct {
	Path   string // inside
	Access Access // ReadOnly, Writable or CopyOnWrite
}

// Shows returns all places at which a program would see the file or directory
// that is at path outside, by whatever names a mount leads to it. It starts
// nothing.
func (p Policy) Shows(path string) ([]Place, error) {
	f, err := look(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unreadable("look at", path, err)
	}
	_, t, err := p.plan()
	if err != nil {
		return nil, err
	}
	defer t.close()

	var places []Place
	for _, s := range t.shownAt(f) {
		access := s.by.access
		if s.by.kind == cowNode {
			access = AccessCopyOnWrite
		}
		places = append(places, Place{s.target, access})
	}
	return places, nil
}

// A shown is a place inside at which something of the host can be seen.
type shown struct {
	by     *node // the mount that shows it
	target string
}

// shownAt returns the places at which the tree shows what is at f, by any of its
// names.
func (t *tree) shownAt(f *hostFile) (places []shown) {
	for _, name := range t.mounts.names(f) {
		for _, n := range t.nodes {
			if n.kind != bindNode && n.kind != cowNode {
				continue
			}
			rest, ok := pathname.Below(name.path, n.source)
			if !ok {
				continue
			}
			target := filepath.Join(n.target, rest)
			if at := t.at[target]; at == n || at == nil && t.covering(target) == n {
				places = append(places, shown{n, target})
			}
		}
	}
	return places
}

// addWherever puts a mount at every place at which its source is shown in
// another, and one that is read-only where that could be written to.
func (t *tree) addWherever(n *node) {
	for _, place := range t.shownAt(n.host) {
		couldWrite := place.by.kind == bindNode && place.by.access == AccessWritable
		if place.target == place.by.target || n.kind == bindNode && n.access == AccessReadOnly && !couldWrite {
			continue
		}
		mount := *n
		mount.target = place.target
		t.add(&mount)
	}
}
