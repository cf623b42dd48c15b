package isolate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/pathname"
)

// A fixture knows which of the machine's files the program can't have changed. Once
// the program may have run, its caller opens and follows nothing else: what the
// program put there may block, lie, or never end.
type fixture struct {
	tree     *tree
	writable []string // the real paths, outside, of what the program can write to
	reached  []fileID // the files at these paths
	above    []fileID // the directories above them
	hidden   bool     // the program can write to more than these paths say
}

// errChangeable says that the program may have changed what a path leads to.
var errChangeable = errors.New("the program can have changed it")

func (t *tree) fixture(p *Policy) *fixture {
	f := &fixture{tree: t}
	for _, n := range t.nodes {
		if n.kind == bindNode && n.access == AccessWritable {
			f.writable, f.reached = append(f.writable, n.source), append(f.reached, n.host.fileID)
		}
	}
	if p.CowDir != "" {
		info, err := os.Lstat(p.CowDir)
		if f.hidden = err != nil; !f.hidden {
			f.writable, f.reached = append(f.writable, p.CowDir), append(f.reached, idOf(info))
		}
	}

	for _, source := range f.writable {
		f.addAbove(source)
	}
	f.hidden = f.hidden || f.holdsMounts()
	return f
}

// addAbove adds the directories above source, beginning with the root, up to the first
// one that the program can write to.
func (f *fixture) addAbove(source string) {
	for end := 1; end < len(source); end++ {
		if source[end] != '/' {
			continue
		}
		info, err := os.Lstat(source[:end])
		if err != nil || f.reaches(info) {
			return
		}
		f.above = append(f.above, idOf(info))
	}
}

func (f *fixture) reaches(info fs.FileInfo) bool {
	return slices.Contains(f.reached, idOf(info))
}

// holdsMounts reports whether something is mounted below what the program can write
// to: it may be a directory that has another name as well.
func (f *fixture) holdsMounts() bool {
	for i := range f.tree.mounts.all {
		point := f.tree.mounts.all[i].point
		if slices.ContainsFunc(f.writable, func(source string) bool { return point != source && pathname.Within(point, source) }) {
			return true
		}
	}
	return false
}

// outside follows a path of the machine to the real file, beginning with the root. It
// doesn't follow what the program can write to.
func (f *fixture) outside(path string) (real string, err error) {
	if f.hidden {
		return "", errChangeable
	}

	real = "/"
	rest := strings.Split(path, "/")
	for links := 0; ; {
		info, err := os.Lstat(real)
		if err != nil {
			return "", err
		}
		if f.reaches(info) {
			return "", errChangeable
		}

		switch {
		case info.Mode().Type() == fs.ModeSymlink:
			to, err := os.Readlink(real)
			if links++; err != nil || links > maxLinks {
				return "", fs.ErrInvalid
			}
			if !filepath.IsAbs(to) {
				to = filepath.Join(filepath.Dir(real), to)
			}
			real, rest = "/", append(strings.Split(to, "/"), rest...)
		case len(rest) == 0:
			return real, nil
		default:
			real, rest = filepath.Join(real, rest[0]), rest[1:]
		}
	}
}

// inside finds what is at a path inside, as tree.seen does.
func (f *fixture) inside(path string) (outside string, err error) {
	if !filepath.IsAbs(path) {
		return "", fs.ErrInvalid
	}
	hold := func(path string) error {
		if !f.holds(path) {
			return errChangeable
		}
		return nil
	}
	target, err := f.tree.lead(filepath.Clean(path), false, hold)
	if err == nil {
		err = hold(target)
	}
	if err != nil {
		return "", err
	}
	return f.tree.seen(target)
}

// holds reports whether a path lies in nothing that the program can change, under any
// name.
func (f *fixture) holds(path string) bool {
	n := f.tree.at[path]
	if n == nil {
		n = f.tree.covering(path)
	}
	for ; n != nil; n = n.cover {
		if n.hostBacked() && !f.fixes(n) {
			return false
		}
	}
	return true
}

// fixes reports whether all that n shows stays as it is.
func (f *fixture) fixes(n *node) bool {
	if n.kind != bindNode || n.access != AccessReadOnly {
		return false
	}
	if slices.Contains(f.above, n.host.fileID) {
		return false
	}
	_, err := f.outside(n.source)
	return err == nil
}
