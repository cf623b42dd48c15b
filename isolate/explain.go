package isolate

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/text"
)

// Explain says in a sentence whether the program would see path, an absolute
// one inside, through what, and whether it could write there; and if it would
// not see it, which mount would change that. The sentence has names as they are.
// It starts nothing.
func (p Policy) Explain(path string) (sentence string, visible bool, err error) {
	_, t, err := p.plan()
	if err != nil {
		return "", false, err
	}
	path = filepath.Clean(path)
	sentence, visible = t.explain(path, "; "+remedyFor(path))
	return sentence, visible, nil
}

// explain is Explain for a tree that is settled. The remedy is for a path that
// isn't visible. A link may be a stranger's: where one leads no remedy says to
// show what it leads to.
func (t *tree) explain(path, remedy string) (sentence string, visible bool) {
	real := &node{kind: linkNode, target: path}
	if t.resolve(real) != nil {
		return inACircle(path)
	}
	name := path
	if real.target != path {
		name, remedy = path+", which is "+real.target, ""
	}
	n := t.at[real.target]
	if n == nil {
		n = t.covering(real.target)
	}
	switch {
	case n == nil && t.leadsOn(real.target):
		return name + ": visible, a directory of the sandbox's own that leads to what is mounted below it; nothing can be made in it", true
	case n == nil:
		return name + ": not visible" + remedy, false
	case n.hostBacked() && n.kind != procNode && n.kind != procSysNode:
		return t.explainHost(name, real.target, n)
	case n.target == real.target:
		return name + ": visible, " + n.words(), true
	case t.leadsOn(real.target):
		return name + ": visible, a directory that leads to what is mounted below it", true
	case n.kind == procNode || n.kind == procSysNode:
		return name + ": in " + n.target + ", " + n.words(), true
	}
	return fmt.Sprintf("%s: not visible when the program starts: %s is %s%s", name, n.target, n.words(), remedy), false
}

// explainHost explains a path inside a mount of the host's.
func (t *tree) explainHost(name, path string, n *node) (sentence string, visible bool) {
	outside := n.outside(path)
	if _, err := os.Lstat(outside); err != nil {
		return fmt.Sprintf("%s: not there: %s is %s, and %s does not exist", name, n.target, n.words(), outside), false
	}
	if to, err := os.Readlink(outside); err == nil {
		if t.resolve(&node{target: path}) != nil {
			return inACircle(name)
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		sentence, visible := t.explain(filepath.Clean(to), "")
		return name + ": a link to " + sentence, visible
	}
	if unix.Access(outside, unix.R_OK) != nil {
		return fmt.Sprintf("%s: in %s, %s; but its permissions keep it from you", name, n.target, n.words()), false
	}
	through := n.words()
	if n.target != path {
		through = "in " + n.target + ", " + through
	}
	if n.kind == bindNode && n.access == Writable && unix.Access(outside, unix.W_OK) != nil {
		through += "; its permissions let you only read it"
	}
	return name + ": visible, " + through, true
}

func inACircle(name string) (sentence string, visible bool) {
	return name + ": not visible, for links that lead in a circle", false
}

// remedyFor is the entry that would show path.
func remedyFor(path string) string {
	if _, err := os.Stat(path); err != nil {
		return "it does not exist outside either"
	}
	return "add " + text.Quote("ro:"+escapeEntry(path)) + " to --mount or MNTDIRS"
}

// escapeEntry writes a path as ParseMounts reads it.
func escapeEntry(path string) string {
	return strings.NewReplacer(`\`, `\\`, " ", `\ `, "\t", "\\\t", "\n", "\\\n", "=", `\=`).Replace(path)
}

// leadsOn says that path is an ancestor of something in the tree.
func (t *tree) leadsOn(path string) bool {
	prefix := strings.TrimSuffix(path, "/") + "/"
	return slices.ContainsFunc(t.nodes, func(n *node) bool { return strings.HasPrefix(n.target, prefix) })
}

// words say what n is.
func (n *node) words() string {
	from := ""
	if n.source != n.target {
		from = " of " + n.source
	}
	switch n.kind {
	case bindNode:
		if n.access == ReadOnly {
			return "read-only" + from
		}
		return "writable" + from
	case cowNode:
		return "a copy on write of " + n.source
	case privateNode:
		return "the sandbox's own, empty at first, writable"
	case maskNode:
		return "covered by something empty"
	case fileNode:
		return "made for the sandbox"
	case linkNode:
		return "a link to " + n.source
	case deviceNode:
		return "a device"
	case procNode:
		return "the sandbox's own processes"
	case procSysNode:
		return "read-only"
	case ptsNode:
		return "the sandbox's own terminals"
	}
	return ""
}

// seen finds what is at path inside: the file of the host's that it shows, ""
// where it is the sandbox's own, or an error of fs.ErrNotExist.
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
