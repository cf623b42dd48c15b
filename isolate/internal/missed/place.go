package missed

import (
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"isolate-namespace/internal/pathname"
)

// place returns what is to be shown for f, or why nothing is.
func (s *Surroundings) place(f Seen) (show string, reason Reason) {
	switch {
	case f.Covered:
		return "", Covered
	case f.Partly:
		return "", Partly
	case s.isSecret(f) || s.isSecret(f.real()):
		return "", Secret
	case f.Socket:
		return "", Service
	case f.Device:
		return "", Device
	case strings.ContainsFunc(f.Path, unicode.IsControl) || !utf8.ValidString(f.Path):
		return "", Unwritten
	}

	dir := f.dir()
	isWide := s.isWide(dir) || s.isWide(f.real().dir())
	above := path.Dir(dir)
	switch {
	case isWide && (f.Dir || f.New):
		return "", Wide
	case isWide:
		return f.Path, ""
	case f.Real != "": // what is above it is elsewhere
		return dir, ""
	// A program has its libraries beside the directory that it lies in.
	case f.Use == Execute && path.Base(dir) == "bin" && !s.isWide(above) && !s.isSecret(Seen{Path: above, Dir: true}):
		return above, ""
	}
	return dir, ""
}

// real returns f at its real place.
func (f Seen) real() Seen {
	if f.Real != "" {
		f.Path = f.Real
	}
	return f
}

// dir returns the directory that f is or lies in.
func (f Seen) dir() string {
	if f.Dir {
		return f.Path
	}
	return path.Dir(f.Path)
}

// join joins the groups of places in others, and those of many neighbours.
func (s *Surroundings) join(shown map[string]*Group) []Group {
	const many = 3
	for joined := true; joined; {
		joined = false
		neighbours := map[string][]string{}
		for _, show := range slices.Sorted(maps.Keys(shown)) {
			g := shown[show]
			if over := within(shown, show); over != nil && (over.Writable || !g.Writable) {
				over.Files = append(over.Files, g.Files...)
				delete(shown, show)
				continue
			}
			if !slices.ContainsFunc(g.Files, func(f Seen) bool { return f.Path == show && !f.Dir || f.Real != "" }) {
				above := path.Dir(show)
				neighbours[above] = append(neighbours[above], show)
			}
		}
		for above, all := range neighbours {
			if len(all) < many || s.isWide(above) || s.isSecret(Seen{Path: above, Dir: true}) || !sameAccess(shown, all) {
				continue
			}
			joined = true
			g := &Group{Show: above, Writable: shown[all[0]].Writable}
			for _, show := range all {
				g.Files = append(g.Files, shown[show].Files...)
				delete(shown, show)
			}
			shown[above] = g
		}
	}

	var groups []Group
	for _, show := range slices.Sorted(maps.Keys(shown)) {
		g := shown[show]
		slices.SortFunc(g.Files, func(a, b Seen) int { return strings.Compare(a.Path, b.Path) })
		groups = append(groups, *g)
	}
	return groups
}

// within returns the group of the place nearest above, or nil.
func within(shown map[string]*Group, show string) *Group {
	for dir := path.Dir(show); dir != "/"; dir = path.Dir(dir) {
		if g := shown[dir]; g != nil {
			return g
		}
	}
	return nil
}

func sameAccess(shown map[string]*Group, all []string) bool {
	return !slices.ContainsFunc(all, func(show string) bool { return shown[show].Writable != shown[all[0]].Writable })
}

// isBelow reports whether a path lies in dir and isn't dir.
func isBelow(path, dir string) bool { return path != dir && pathname.Within(path, dir) }
