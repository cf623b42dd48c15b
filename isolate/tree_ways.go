package isolate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/pathname"

	"golang.org/x/sys/unix"
)

// A wayLink is a symbolic link on the way that a path takes outside.
type wayLink struct {
	path string // without links
	to   string // what it says
	kept bool   // no program in a sandbox can have put it there
}

// addWays makes, inside, the links through which the home directory, the mounts and the
// working directory are named, so that these paths lead where they lead outside. A
// mount that is named through links is then shown at its real place.
//
// A link that a program in a sandbox may have made doesn't choose where a mount is
// shown: the mount stays at the place that was named, unless the caller is in it and
// would name its real place by a dot. The link itself shows nothing, and is made where
// nothing else is.
func (t *tree) addWays(p *Policy, named []*node) {
	cwd := p.Dir
	names := append(slices.Clone(p.DirNames), p.Dir)
	if slices.ContainsFunc(names, func(name string) bool { return name != p.Dir }) {
		cwd, _ = WorkingDir() // on an error nothing is in it
	}

	if !slices.ContainsFunc(t.hidden, func(d *hiddenDir) bool { return d.path == p.Home }) {
		links, _ := t.follow(p.Home)
		t.addLinks(links, false)
	}
	for _, n := range named[len(p.Base):] {
		switch {
		case n.kind == maskNode:
			t.maskRealPlace(n)
		case n.own && n.host != nil && n.host.path != n.target:
			if links, real := t.follow(n.target); real == n.host.path {
				t.addLinks(links, pathname.Within(cwd, real))
			}
		}
	}

	for _, dir := range names {
		if dir == cwd || !filepath.IsAbs(dir) {
			continue
		}
		links, real := t.follow(dir)
		if dir == p.Dir || pathname.Within(cwd, real) {
			links = slices.DeleteFunc(links, func(l wayLink) bool { return !l.kept && t.hasWithin(l.path) })
			t.addLinks(links, true)
		}
	}
}

// addLinks adds the links that are kept, or all of them, but for those in whose place
// the policy puts something else.
func (t *tree) addLinks(links []wayLink, all bool) {
	for _, l := range links {
		n := t.at[l.path]
		isOwn := n == nil || n.own || n.kind == maskNode
		if isOwn && (l.kept || all) {
			t.ways[l.path] = l
		}
	}
}

// hasWithin reports whether anything is shown at path or below it.
func (t *tree) hasWithin(path string) bool {
	return slices.ContainsFunc(t.nodes, func(n *node) bool { return n.kind != maskNode && pathname.Within(n.target, path) })
}

// maskRealPlace also covers the place to which a mask's path leads outside.
func (t *tree) maskRealPlace(mask *node) {
	f, err := look(mask.target)
	if err == nil && f.path != mask.target && t.at[f.path] == nil {
		t.add(&node{kind: maskNode, target: f.path, also: true})
	}
}

// follow returns the links through which a path leads outside, and the path without
// them. Of a way that doesn't lead on it is the part that does.
func (t *tree) follow(path string) (links []wayLink, real string) {
	rest := strings.Split(path, "/")
	real, kept := "/", true
	var dir unix.Stat_t
	for len(rest) > 0 && unix.Lstat(real, &dir) == nil {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		if name == ".." {
			real = filepath.Dir(real)
			continue
		}

		at := filepath.Join(real, name)
		var st unix.Stat_t
		if unix.Lstat(at, &st) != nil {
			return links, real
		}
		kept = kept && t.keeps(real, &dir, &st)
		if st.Mode&unix.S_IFMT != unix.S_IFLNK {
			real = at
			continue
		}
		to, err := os.Readlink(at)
		if err != nil || len(links) == maxLinks {
			return links, real
		}
		links = append(links, wayLink{at, to, kept})
		if filepath.IsAbs(to) {
			real = "/"
		}
		rest = append(strings.Split(to, "/"), rest...)
	}

	return links, real
}

// keeps reports whether a directory's entry is what somebody put there who isn't in a
// sandbox: neither other users nor the caller's own programs inside can have replaced
// it. Those can't write in directories that no sandbox shows, nor in those of root
// if the caller isn't root.
func (t *tree) keeps(path string, dir, entry *unix.Stat_t) bool {
	caller := uint32(os.Geteuid())
	isSticky := dir.Mode&unix.S_ISVTX != 0
	othersWrite := dir.Mode&0o022 != 0
	if dir.Uid != 0 && dir.Uid != caller || othersWrite && !(isSticky && (entry.Uid == 0 || entry.Uid == caller)) {
		return false
	}
	if dir.Uid == 0 && caller != 0 && !(othersWrite && entry.Uid == caller) {
		return true
	}
	return slices.ContainsFunc(t.hidden, func(d *hiddenDir) bool {
		isIt := d.fileID == fileID{uint64(dir.Dev), dir.Ino}
		return d.always && (isIt || d.above && pathname.Within(d.path, path))
	})
}

// enter decides by which of its names the program enters its working directory, and
// keeps PWD from it if that doesn't name the directory inside, too.
func (t *tree) enter(p *Policy) {
	dir := p.Dir
	for _, name := range p.DirNames {
		if name == dir || t.has(p.Dir) || !t.has(name) {
			continue
		}
		if f, err := look(name); err == nil && f.path == dir {
			p.Dir = name // this one was named
		}
	}

	pwd, ok := getenv(p.Env, "PWD")
	if !ok || pwd == dir || pwd != os.Getenv("PWD") {
		return
	}
	if f, err := look(pwd); err == nil && f.path == dir && t.has(pwd) && t.place(pwd) == t.place(p.Dir) {
		return
	}
	p.Env = slices.DeleteFunc(slices.Clone(p.Env), func(entry string) bool { return strings.HasPrefix(entry, "PWD=") })
}

// place returns where a path leads inside.
func (t *tree) place(path string) string {
	n := &node{target: path}
	if t.resolve(n) != nil {
		return path
	}
	return n.target
}
