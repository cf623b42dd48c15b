package rehearse

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/notebook"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/kernelspec"
)

// student is whose folder a rehearsed assignment is in, as it will be graded.
const student = "rehearsal"

// A place is where a notebook is, and where it is executed when it is graded.
type place struct {
	source string // the directory whose files go with the notebook
	dir    string // where that directory is when the notebook is executed
	below  string // the notebook's directory below both
	course bool   // nbgrader grades it
}

// findPlace returns the place of a notebook. In nbgrader's usual layout that is
//
//	COURSE/source/ASSIGNMENT      now
//	COURSE/autograded/STUDENT/ASSIGNMENT when it is graded
//
// and any other notebook is executed where it is.
func findPlace(path string, n *notebook.Notebook) (*place, error) {
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}

	if err := refuseStudents(path, dir, n); err != nil {
		return nil, err
	}
	course := courseOf(dir, n)
	if course == "" {
		return &place{source: dir, dir: dir}, nil
	}
	rel, err := filepath.Rel(course, dir)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(rel, "/")
	if len(parts) >= 2 && slices.Contains([]string{"source", "release", "source_with_tests", "solution"}, parts[0]) {
		return &place{
			source: filepath.Join(course, parts[0], parts[1]),
			dir:    filepath.Join(course, "autograded", student, parts[1]),
			below:  filepath.Join(parts[2:]...),
			course: true,
		}, nil
	}
	return &place{source: dir, dir: dir}, nil
}

// refuseStudents returns an error if the notebook at path, or the file that it is a link to,
// lies where a course keeps students' work.
func refuseStudents(path, dir string, n *notebook.Notebook) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	for _, d := range []string{dir, filepath.Dir(real)} {
		if at := studentsWork(d, n); at != "" {
			return &kernelspec.Error{
				Reason: "it is in " + at + ", where students' notebooks are, and the plain kernel would run it",
				Remedy: remedy.RehearseSource,
			}
		}
	}
	return nil
}

// students are the directories of a course in which its students' work is: also what
// "nbgrader zip_collect" has unpacked.
var students = []string{"submitted", "autograded", "feedback", "downloaded"}

// studentsWork returns the directory of students' work that a directory lies in, or "". All
// directories above count, not only those below the nearest course: a student can hand in
// files that make an assignment look like a course.
func studentsWork(dir string, n *notebook.Notebook) string {
	for up, below := dir, ""; up != filepath.Dir(up); up, below = filepath.Dir(up), filepath.Base(up) {
		name, above := filepath.Base(up), filepath.Dir(up)
		switch {
		case slices.Contains(students, name) && (IsCourse(above) || isGraded(n) || isDir(above, "source") || isDir(above, "release")):
			return up
		case name == "inbound" && strings.Count(below, "+") >= 2: // of the exchange: STUDENT+ASSIGNMENT+TIME
			return up
		}
	}
	return ""
}

func isGraded(n *notebook.Notebook) bool {
	return slices.ContainsFunc(n.Cells, func(c notebook.Cell) bool { return c.Grade != nil })
}

// courseOf returns the directory of the course that a directory belongs to, or "".
func courseOf(dir string, n *notebook.Notebook) string {
	for up := dir; up != filepath.Dir(up); up = filepath.Dir(up) {
		if IsCourse(up) {
			return up
		}
	}

	// Its configuration may be elsewhere, and the gradebook comes with the first
	// assignment.
	if up := filepath.Dir(dir); isGraded(n) && filepath.Base(up) == "source" {
		return filepath.Dir(up)
	}
	return ""
}

// IsCourse reports whether a directory is that of a course of nbgrader.
func IsCourse(dir string) bool {
	return isFile(dir, "nbgrader_config.py") || isDir(dir, "source") && isFile(dir, "gradebook.db")
}

func isFile(dir, name string) bool {
	info, err := os.Stat(filepath.Join(dir, name))
	return err == nil && info.Mode().IsRegular()
}

func isDir(dir, name string) bool {
	info, err := os.Stat(filepath.Join(dir, name))
	return err == nil && info.IsDir()
}

// Assignment returns an assignment's own directory in the course that dir belongs to, as
// a path from dir: the one that dir is in, or else the first. It is empty without one.
func Assignment(dir string) string {
	course := courseOf(dir, &notebook.Notebook{})
	if course == "" {
		return ""
	}
	all := filepath.Join(course, "source")
	name := "ASSIGNMENT"
	if below, err := filepath.Rel(all, dir); err == nil && filepath.IsLocal(below) && below != "." {
		name, _, _ = strings.Cut(below, "/")
	} else if entries, err := os.ReadDir(all); err == nil {
		for _, entry := range entries {
			if entry.IsDir() && !hidden(entry) {
				name = entry.Name()
				break
			}
		}
	}
	path, err := filepath.Rel(dir, filepath.Join(all, name))
	if err != nil {
		return ""
	}
	return path
}

// A stage is a throw-away copy of a place, at the same depth below a directory of
// its own as the place is below /: every relative path leads where it leads from
// the place, by links.
type stage struct {
	root string // stands for /
	place
}

// work returns the directory in which the notebook is executed.
func (s *stage) work() string { return filepath.Join(s.root, s.dir, s.below) }

// maxSiblings is how many entries of a directory above the place have links.
const maxSiblings = 10_000

// set makes the stage.
func (s *stage) set() error {
	if err := os.Mkdir(s.root, 0o700); err != nil {
		return err
	}
	up := "/"
	for _, part := range strings.Split(strings.Trim(filepath.Dir(s.dir), "/"), "/") {
		if err := s.link(up, part); err != nil {
			return err
		}
		up = filepath.Join(up, part)
		if err := os.MkdirAll(filepath.Join(s.root, up), 0o700); err != nil {
			return err
		}
	}
	if err := s.link(up, filepath.Base(s.dir)); err != nil {
		return err
	}
	c := copier{course: s.course}
	return c.dir(s.source, filepath.Join(s.root, s.dir), maxLinks)
}

// link makes a link to each entry of a directory but one. What can't be listed has
// no links.
func (s *stage) link(dir, but string) error {
	d, err := os.Open(dir)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	defer d.Close()

	names, err := d.Readdirnames(maxSiblings)
	if len(names) == 0 && err != nil {
		return nil // it is empty, or not a directory that can be read
	}
	for _, name := range names {
		if name == but {
			continue
		}
		if err := os.Symlink(filepath.Join(dir, name), filepath.Join(s.root, dir, name)); err != nil {
			return fmt.Errorf("lay out the directories above the notebook: %w", err)
		}
	}
	return nil
}
