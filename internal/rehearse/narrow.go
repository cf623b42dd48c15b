package rehearse

import (
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/notebook"
	"isolate-namespace/isolate"
)

// narrow takes entries out of m that would show students each other's work, the gradebook
// or solutions. They come since a rehearsal's sandbox doesn't lie in the course, whose
// directories are then like any others. Files that such an entry was for are shown one by one.
func (p *place) narrow(m *Missed) *Missed {
	if m == nil {
		return nil
	}
	narrowed := &Missed{Connections: m.Connections, Incomplete: m.Incomplete}
	for _, g := range m.Groups {
		if g.Entry == nil || !p.showsWork(shownBy(*g.Entry)) {
			narrowed.merge(&Missed{Groups: []MissedGroup{g}})
			continue
		}
		for _, f := range g.Files {
			one := MissedGroup{Count: f.Count, Files: []MissedFile{f}}
			if p.showsWork(f.Path) {
				reason := isolate.MissedWide
				one.Reason = &reason
			} else {
				mount := isolate.ReadOnly(f.Path)
				if f.Use == "write" {
					mount = isolate.Writable(f.Path)
				}
				entry := isolate.FormatMounts([]isolate.Mount{mount})
				one.Entry = &entry
			}
			narrowed.merge(&Missed{Groups: []MissedGroup{one}})
		}
	}
	return narrowed
}

// shownBy returns the path that an entry shows.
func shownBy(entry string) string {
	mounts, err := isolate.ParseMounts(entry, "/", isolate.HomeDir())
	if err != nil || len(mounts) != 1 {
		return "/"
	}
	return mounts[0].Source
}

// showsWork reports whether a path is, holds or lies in what students mustn't see: the
// notebook's directory and those above it, a course, work that was handed in, the gradebook,
// or an assignment with its solutions.
func (p *place) showsWork(path string) bool {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	above, name := filepath.Split(path)
	above = filepath.Clean(above)
	isSource := func(dir string) bool {
		return slices.Contains([]string{"source", "source_with_tests", "solution"}, filepath.Base(dir)) && IsCourse(filepath.Dir(dir))
	}
	switch {
	case holds(path, p.source) || holds(path, p.dir) || IsCourse(path) || studentsWork(path, &notebook.Notebook{}) != "":
		return true
	case name == "gradebook.db":
		return IsCourse(above)
	}
	return isDir(above, name) && (isSource(path) || isSource(above))
}

// holds reports whether path is dir or lies in it.
func holds(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
