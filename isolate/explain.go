package isolate

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// An Explanation says what a program would see at a path.
type Explanation struct {
	// Sentence says whether it would see the path, through what, and whether it
	// could write there. It contains file names unchanged.
	Sentence string
	Visible  bool
	// ToShow is the path outside that a mount would have to show to make it visible.
	// It is "" if the path is visible, if there is nothing, and if the way leads
	// through a link that anybody may have made.
	ToShow string
}

// Explain says what the program would see at path, an absolute one inside. It
// starts nothing.
func (p Policy) Explain(path string) (Explanation, error) {
	_, t, err := p.plan()
	if err != nil {
		return Explanation{}, err
	}
	defer t.close()
	path = filepath.Clean(path)
	e := t.explain(path)
	if !e.Visible && e.ToShow != "" {
		if _, err := os.Stat(path); err != nil {
			e.Sentence += "; it does not exist outside either"
			e.ToShow = ""
		}
	}
	return e, nil
}

// explain is Explain for a settled tree.
func (t *tree) explain(path string) Explanation {
	name, toShow := path, path
	target, err := t.lead(path, true, func(link string) error {
		if !t.ways[link].kept {
			toShow = ""
		}
		return nil
	})
	if err != nil {
		return inACircle(path)
	}
	if target != path {
		name = path + ", which is " + target
	}
	n := t.at[target]
	if n == nil {
		n = t.covering(target)
	}

	switch {
	case n == nil && t.leadsOn(target):
		return Explanation{Sentence: name + ": visible, a directory of the sandbox's own that leads to what is mounted below it; nothing can be made in it", Visible: true}
	case n == nil:
		return Explanation{Sentence: name + ": not visible", ToShow: toShow}
	case n.hostBacked() && n.kind != procNode && n.kind != procSysNode:
		return t.explainHost(name, target, n)
	case n.target == target:
		return Explanation{Sentence: name + ": visible, " + n.words(), Visible: true}
	case t.leadsOn(target):
		return Explanation{Sentence: name + ": visible, a directory that leads to what is mounted below it", Visible: true}
	case n.kind == procNode || n.kind == procSysNode:
		return Explanation{Sentence: name + ": in " + n.target + ", " + n.words(), Visible: true}
	}

	return Explanation{Sentence: fmt.Sprintf("%s: not visible when the program starts: %s is %s", name, n.target, n.words()), ToShow: toShow}
}

// explainHost explains a path inside a mount of the host.
func (t *tree) explainHost(name, path string, n *node) Explanation {
	outside := n.outside(path)
	if _, err := os.Lstat(outside); err != nil {
		return Explanation{Sentence: fmt.Sprintf("%s: not there: %s is %s, and %s does not exist", name, n.target, n.words(), outside)}
	}
	if to, err := os.Readlink(outside); err == nil {
		if t.resolve(&node{target: path}) != nil {
			return inACircle(name)
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		e := t.explain(filepath.Clean(to))
		return Explanation{Sentence: name + ": a link to " + e.Sentence, Visible: e.Visible}
	}

	if unix.Access(outside, unix.R_OK) != nil {
		return Explanation{Sentence: fmt.Sprintf("%s: in %s, %s; but its permissions keep it from you", name, n.target, n.words())}
	}
	through := n.words()
	if n.target != path {
		through = "in " + n.target + ", " + through
	}
	if n.kind == bindNode && n.access == AccessWritable && unix.Access(outside, unix.W_OK) != nil {
		through += "; its permissions let you only read it"
	}
	return Explanation{Sentence: name + ": visible, " + through, Visible: true}
}

func inACircle(name string) Explanation {
	return Explanation{Sentence: name + ": not visible, for links that lead in a circle"}
}

// leadsOn reports whether path is an ancestor of something in the tree.
func (t *tree) leadsOn(path string) bool {
	prefix := strings.TrimSuffix(path, "/") + "/"
	return slices.ContainsFunc(t.nodes, func(n *node) bool { return strings.HasPrefix(n.target, prefix) })
}

// words describes n.
func (n *node) words() string {
	from := ""
	if n.source != n.target {
		from = " of " + n.source
	}

	switch n.kind {
	case bindNode:
		if n.access == AccessReadOnly {
			return "read-only" + from
		}
		return "writable" + from
	case cowNode:
		return "a copy on write of " + n.source
	case privateNode:
		return "the sandbox's own, empty at first, writable"
	case maskNode:
		if n.is != "" {
			return "covered: it shows " + n.is
		}
		return "covered by something empty"
	case fileNode:
		return "made for the sandbox"
	case linkNode:
		return "a link to " + n.source
	case deviceNode:
		return "a device"
	case procNode:
		if n.access == AccessReadOnly {
			return "read-only, with the names and command lines of processes outside"
		}
		return "the sandbox's own processes"
	case procSysNode:
		return "read-only"
	case ptsNode:
		return "the sandbox's own terminals"
	}

	return ""
}

// seen finds what is at path inside: the host's file that it shows, "" if it is the
// sandbox's own, or an error of fs.ErrNotExist.
func (t *tree) seen(path string) (outside string, err error) {
	if !filepath.IsAbs(path) {
		return "", fs.ErrInvalid
	}
	n := &node{target: filepath.Clean(path)}
	if err := t.resolve(n); err != nil {
		return "", err
	}

	at := t.at[n.target]
	if at == nil {
		at = t.covering(n.target)
	}
	switch {
	case at == nil && !t.leadsOn(n.target), at != nil && at.kind == privateNode && at.target != n.target && !t.leadsOn(n.target):
		return "", fs.ErrNotExist
	case at == nil || !at.hostBacked():
		return "", nil
	}

	outside = at.outside(n.target)
	_, err = os.Stat(outside)
	return outside, err
}
