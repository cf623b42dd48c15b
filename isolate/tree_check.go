package isolate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"isolate-namespace/internal/pathname"

	"golang.org/x/sys/unix"
)

// checkBaseDir makes sure that no mount shows the new root inside itself.
func (t *tree) checkBaseDir(p *Policy) error {
	if p.AssembleOn == "" {
		return nil
	}
	e := &SetupError{Doing: "assemble the new root on", Path: p.AssembleOn}
	dir, err := look(p.AssembleOn)
	if err != nil {
		e.Err, e.Kind = underlying(err), KindNoBaseDir
		return e
	}
	if n := t.holding(dir, func(n *node) bool { return n.kind == bindNode }); n != nil {
		e.Err, e.Kind = fmt.Errorf("it lies in %s, which is mounted itself", n.source), KindBaseDirInside
		return e
	}
	return nil
}

// holding returns a node, among those that are meant, whose source holds f by one
// of its names, or nil.
func (t *tree) holding(f *hostFile, meant func(n *node) bool) *node {
	for _, name := range t.mounts.names(f) {
		for _, n := range t.nodes {
			if meant(n) && pathname.Within(name.path, n.source) {
				return n
			}
		}
	}
	return nil
}

// checkCowDir makes sure that CowDir can take the changes, and holds none of
// an earlier program: this one would see them.
func (t *tree) checkCowDir(p *Policy) error {
	if p.CowDir == "" {
		return nil
	}
	e := &SetupError{Doing: "keep changes in", Path: p.CowDir}
	dir, err := look(p.CowDir)
	if err != nil {
		e.Err, e.Kind = underlying(err), KindNoCowDir
		return e
	}
	if !dir.isDir() || unix.Access(p.CowDir, unix.W_OK) != nil {
		e.Err = errors.New("not a directory that can be written to")
		return e
	}
	p.CowDir = dir.path

	changeable := func(n *node) bool { return n.kind == cowNode || n.kind == bindNode && n.access == AccessWritable }
	if n := t.holding(dir, changeable); n != nil {
		e.Err, e.Kind = fmt.Errorf("it lies in %s, which the program can change", n.source), KindCowDirInside
		return e
	}

	for _, n := range t.nodes {
		if n.kind != cowNode {
			continue
		}
		kept := filepath.Join(p.CowDir, n.target)
		if entries, err := os.ReadDir(kept); err == nil && len(entries) > 0 {
			e.Err, e.Kind = fmt.Errorf("%s has changes already", kept), KindCowDirUsed
			return e
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.Err = underlying(err)
			return e
		}
	}
	return nil
}
