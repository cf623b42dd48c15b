package activeenv

import (
	"os"
	"path/filepath"
)

// links finds where links lead. It remembers each answer: a policy is made in a moment,
// and many of its paths have directories in common.
type links struct {
	files map[string]file // by path
	reals map[string]real
}

type file struct {
	to  string // what it is a link to, or ""
	err error
}

type real struct {
	path string
	err  error
}

func newLinks() *links {
	return &links{files: map[string]file{}, reals: map[string]real{}}
}

// look returns what a path is, without following it.
func (l *links) look(path string) file {
	found, known := l.files[path]
	if known {
		return found
	}
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&os.ModeSymlink != 0 {
		found.to, err = os.Readlink(path)
	}
	found.err = err
	l.files[path] = found
	return found
}

// real is filepath.EvalSymlinks.
func (l *links) real(path string) (string, error) {
	if path == "/" {
		return path, nil
	}
	if found, known := l.reals[path]; known {
		return found.path, found.err
	}
	var found real
	dir, name := filepath.Split(path)
	if !filepath.IsAbs(path) || path != filepath.Clean(path) {
		found.path, found.err = filepath.EvalSymlinks(path)
	} else if found.path, found.err = l.real(filepath.Clean(dir)); found.err == nil {
		found.path = filepath.Join(found.path, name)
		if f := l.look(found.path); f.err != nil {
			found.err = f.err
		} else if f.to != "" {
			found.path, found.err = filepath.EvalSymlinks(found.path)
		}
	}
	l.reals[path] = found
	return found.path, found.err
}

// chain is path and every path that its last links lead through to the file.
func (l *links) chain(path string) []string {
	const most = 40 // what the kernel follows, path_resolution(7)
	var steps []string
	for range most {
		f := l.look(path)
		if f.err != nil {
			return steps
		}
		steps = append(steps, path)
		if f.to == "" {
			break
		}
		to := f.to
		if !filepath.IsAbs(to) {
			// Links in the directories on the way count before "..".
			dir, err := l.real(filepath.Dir(path))
			if err != nil {
				return steps
			}
			to = filepath.Join(dir, to)
		}
		path = filepath.Clean(to)
	}

	return steps
}
