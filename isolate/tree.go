package isolate

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A tree is the file system that a program will see. Its nodes are put into an empty
// root one after the other, each after the nodes that it lies in.
type tree struct {
	nodes []*node
	at    map[string]*node // by target
	ways  map[string]wayLink
	wall  landlock // what the program may make where

	account    []string // the caller's line of the passwd file, or nil
	everywhere []*node  // mounts that belong wherever their source is shown
	mounts     *hostMounts
	hidden     []*hiddenDir
	special    []*hostMount // of kinds that hold no files
	uncopied   []Uncopied
	devices    []device // the policy's
}

// A node is one mount, file or link of the tree.
type node struct {
	kind   nodeKind
	target string    // absolute and clean, inside
	source string    // bind, cow, mask of a mount: real path outside; link: what it points to
	dir    bool      // the target is a directory
	base   bool      // it is of the default base, which others may replace
	own    bool      // it is shown at its own place
	also   bool      // mask: by another name than the policy's
	access Access    // bind: Writable or ReadOnly
	mode   uint32    // private directory, file
	data   []byte    // file
	is     string    // mask: what it covers without being asked, such as "proc"
	cover  *node     // the node that the target lies in; nil for the root
	inner  bool      // another node lies in this one
	listed bool      // mask: it was found in /proc, as what dir says
	fixed  bool      // renaming a directory above it must not move it
	host   *hostFile // bind, cow: the source when we looked at it
	copies []*copied // cow: what lies in the upper layer beforehand, directories first
}

type nodeKind uint8

const (
	bindNode    nodeKind = iota // a file or directory of the host
	cowNode                     // a directory of the host under an overlay
	privateNode                 // an empty writable directory
	maskNode                    // an empty file or directory, unchangeable
	fileNode                    // a made file
	linkNode                    // a symbolic link
	deviceNode                  // a device of the host
	procNode                    // the process file system
	procSysNode                 // its sysctl part, read-only
	ptsNode                     // the sandbox's own pseudo-terminals
)

// A firstLook is what is looked at before anything else. Changes of the mounts from here
// on are noticed.
type firstLook struct {
	mounts *hostMounts
	system []*node // what systemNodes returns
	base   []*node // what defaultBase returns, unless the policy names another base
}

// newTree looks at every source of the policy and decides the tree, which is to
// be closed.
func newTree(p *Policy) (*tree, error) {
	mounts, err := openHostMounts()
	if err != nil {
		return nil, err
	}
	system, err := systemNodes(p)
	if err != nil {
		mounts.close()
		return nil, err
	}
	first := firstLook{mounts: mounts, system: system}
	if p.Base == nil {
		first.base = defaultBase()
	}
	return newTreeSince(p, first)
}

// newTreeSince is newTree after a first look, which it takes over.
func newTreeSince(p *Policy, first firstLook) (t *tree, err error) {
	defer func() {
		if err != nil {
			first.mounts.close()
		}
	}()
	t = &tree{at: map[string]*node{}, ways: map[string]wayLink{}, account: passwdEntry(os.Getuid()), mounts: first.mounts}

	if p.Base == nil {
		t.addDefaultBase(p, first.base)
	}
	t.addSystem(p, first.system)
	named, err := t.addMounts(p)
	if err != nil {
		return nil, err
	}

	if err := t.addDevices(p); err != nil {
		return nil, err
	}
	if err := t.addGPUs(p); err != nil {
		return nil, err
	}

	// The table of mounts is read last: looking at a source may have made an
	// automounter mount something.
	if err := t.lookAtMounts(p); err != nil {
		return nil, err
	}
	for i, n := range named {
		if err := t.refuse(n, i < len(p.Base)); err != nil {
			return nil, err
		}
	}

	t.addWays(p, named)
	for _, f := range p.Files {
		t.add(&node{kind: fileNode, target: filepath.Clean(f.Path), mode: f.Mode, data: f.Data})
	}
	if err := t.settle(); err != nil {
		return nil, err
	}
	if err := t.checkBaseDir(p); err != nil {
		return nil, err
	}
	if err := t.checkCowDir(p); err != nil {
		return nil, err
	}

	abi, reason := landlockABI()
	t.wall, err = t.newLandlock(p, abi, reason)
	return t, err
}

// close closes what newTree keeps open.
func (t *tree) close() {
	if t != nil {
		t.mounts.close()
	}
}

// addDefaultBase adds the default base, and what is made in place of other files of /etc.
func (t *tree) addDefaultBase(p *Policy, base []*node) {
	for _, n := range base {
		t.add(n)
	}
	t.addMadeFiles(p)
	for _, n := range t.nodes {
		n.base = true
	}
}

// addMounts adds the policy's base and mounts, and returns one node for each, an empty
// one for what is left out. One error names all missing sources.
func (t *tree) addMounts(p *Policy) (named []*node, err error) {
	var missing []string
	for _, m := range slices.Concat(p.Base, p.Mounts) {
		n := new(node)
		if !m.isOwn() {
			n, err = mountNode(m)
		}
		named = append(named, n)
		switch {
		case m.isOwn():
		case m.Wherever && errors.Is(err, fs.ErrNotExist):
		case m.Wherever && err == nil:
			t.everywhere = append(t.everywhere, n)
			named[len(named)-1] = new(node)
		case errors.Is(err, fs.ErrNotExist) && m.Optional:
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, m.Source)
		case err != nil:
			return nil, err
		default:
			t.add(n)
		}
	}

	if missing == nil {
		return named, nil
	}
	e := &SetupError{Doing: "mount", Path: strings.Join(missing, ", "), Err: unix.ENOENT,
		Kind: KindMissing}
	if len(missing) > 1 {
		e.Kind = KindMissingSome
	}
	return nil, e
}

// add appends n, which replaces a node with the same target.
func (t *tree) add(n *node) {
	if old := t.at[n.target]; old != nil {
		*old = *n
		return
	}
	t.nodes = append(t.nodes, n)
	t.at[n.target] = n
}

// settle sorts the nodes into the order in which they are built, and finds for each
// node the one it lies in. Links in targets lead where they will lead inside.
func (t *tree) settle() error {
	if err := t.resolveAll(); err != nil {
		return err
	}

	for _, n := range t.nodes {
		if err := t.maskBelow(n); err != nil {
			return err
		}
	}
	for _, n := range t.everywhere {
		t.addWherever(n)
	}
	slices.SortStableFunc(t.nodes, func(a, b *node) int {
		return strings.Count(a.target, "/") - strings.Count(b.target, "/")
	})

	var kept []*node
	for _, n := range t.nodes {
		n.cover = t.covering(n.target)
		keep, err := n.fit()
		if err != nil {
			return err
		}
		if keep {
			if n.cover != nil {
				n.cover.inner = true
			}
			kept = append(kept, n)
		} else {
			delete(t.at, n.target)
		}
	}

	t.nodes = kept
	for _, n := range slices.Backward(kept) {
		n.fixed = n.fixed || n.kind == bindNode && n.access == AccessReadOnly || n.kind == maskNode
		if n.fixed && n.cover != nil {
			n.cover.fixed = true
		}
	}

	return nil
}

// resolveAll replaces links in the targets of all nodes by where they lead inside.
func (t *tree) resolveAll() error {
	named := *t
	if len(t.ways) > 0 {
		// A mount may have moved: what lies in it comes after it.
		named.nodes = slices.Clone(t.nodes)
		slices.SortStableFunc(named.nodes, func(a, b *node) int { return strings.Count(a.target, "/") - strings.Count(b.target, "/") })
	}
	for _, n := range named.nodes {
		if n.listed {
			continue // nothing in /proc but processes leads through a link
		}
		if err := named.resolve(n); err != nil {
			return err
		}
		if len(t.ways) > 0 && named.at[n.target] == nil {
			named.at[n.target] = n
		}
	}

	nodes := t.nodes
	t.nodes, t.at = nil, map[string]*node{}
	for _, n := range nodes {
		t.add(n)
	}
	for path, l := range t.ways {
		if t.at[path] == nil {
			t.add(&node{kind: linkNode, target: path, source: l.to})
		}
	}
	return nil
}

// maxLinks is how many links the kernel follows in a path, path_resolution(7).
const maxLinks = 40

// covering returns the deepest node that path lies in, or nil for the root.
func (t *tree) covering(path string) *node {
	for dir := filepath.Dir(path); dir != "/"; dir = filepath.Dir(dir) {
		if n := t.at[dir]; n != nil {
			return n
		}
	}
	return nil
}

// isStill reports whether n is to be placed as it was when placed is a copy of it.
func (n *node) isStill(placed node) bool {
	return n.kind == placed.kind && n.source == placed.source && n.dir == placed.dir && n.access == placed.access &&
		n.mode == placed.mode && bytes.Equal(n.data, placed.data) && n.is == placed.is && (n.kind != maskNode || n.inner == placed.inner) &&
		(n.cover == placed.cover || n.cover != nil && placed.cover != nil && n.cover.target == placed.cover.target)
}

// hostBacked reports whether what n shows exists outside, so that nothing may be
// made in it.
func (n *node) hostBacked() bool {
	return n.kind == bindNode || n.kind == procNode || n.kind == procSysNode || n.kind == cowNode
}

// outside returns the path of the host that path inside n stands for.
func (n *node) outside(path string) string {
	return filepath.Join(n.source, strings.TrimPrefix(path, n.target))
}
