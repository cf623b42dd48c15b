// Package missed makes of what a program looked for, and a sandbox didn't show, the
// fewest entries that would show it. It looks at no file: what it must know about one
// is in Seen.
package missed

import (
	"cmp"
	"slices"
	"strings"
)

// A Use says what a file was looked for for.
type Use string

// What a file was looked for for.
const (
	Look    Use = "look" // whether it is there
	Read    Use = "read"
	Execute Use = "execute"
	Write   Use = "write" // to be changed, or made in a directory that is there
)

// Seen is what a program looked for, that is there outside and wasn't there inside.
type Seen struct {
	Path string // absolute and clean, inside
	// Real is the path without links, and through the home directory if it is in there
	// under any name; or "" if that is Path.
	Real   string
	Use    Use
	Count  int
	Dir    bool
	Socket bool
	Device bool
	// Closed says that not everybody can read it.
	Closed bool
	// Covered says that an entry puts something else in its place.
	Covered bool
	// Partly says that it is a directory of which a part is shown, and was listed.
	Partly bool
	// New says that it isn't there outside either, and was to be made in a directory
	// that is.
	New bool
}

// Surroundings are what a sandbox shows, and where a user keeps secrets.
type Surroundings struct {
	Home    string
	Runtime string   // XDG_RUNTIME_DIR, or ""
	Search  []string // the directories of PATH
	Shown   []string // the places of the entries that were named, and the working directory
}

// A Reason says why a path has no entry.
type Reason string

// Why a path has no entry.
const (
	Secret    Reason = "secret"    // it may hold secrets, or lies among some
	Service   Reason = "service"   // it is a socket: whoever sees it can command a service
	Device    Reason = "device"    // it is a device: no entry shows one
	Wide      Reason = "wide"      // it is a directory that holds too much else
	Covered   Reason = "covered"   // an entry covers it
	Partly    Reason = "partly"    // it is a directory of which a part is shown, and was listed
	Unwritten Reason = "unwritten" // no entry can be written for its name
)

// A Group is what one entry would show, or what has none for the same reason.
type Group struct {
	Show     string // the path to show, or ""
	Writable bool
	Reason   Reason // why there is none, or ""
	Files    []Seen // in the order of their paths
}

// Count returns how often the group was looked for.
func (g *Group) Count() int {
	sum := 0
	for _, f := range g.Files {
		sum += f.Count
	}
	return sum
}

// Groups returns what is worth showing, by entry and then by reason.
func Groups(all []Seen, s *Surroundings) []Group {
	all = slices.DeleteFunc(slices.Clone(all), s.isNoise)
	all = sum(all)
	all = withoutWays(all)

	without := map[Reason]*Group{}
	shown := map[string]*Group{}
	for _, f := range all {
		to, reason := s.place(f)
		if f.Dir && f.Use == Look && (reason == Wide || reason == Secret) {
			continue // on the way to something, or to see whether settings may be there
		}
		if f.New && reason == Secret {
			continue // settings that a program makes for itself
		}
		into, key := shown, to
		if reason != "" {
			if without[reason] == nil {
				without[reason] = &Group{Reason: reason}
			}
			without[reason].Files = append(without[reason].Files, f)
			continue
		}
		if into[key] == nil {
			into[key] = &Group{Show: to}
		}
		into[key].Files = append(into[key].Files, f)
		into[key].Writable = into[key].Writable || f.Use == Write
	}

	groups := s.join(shown)
	for _, reason := range []Reason{Secret, Service, Wide, Covered, Partly, Unwritten} {
		if g := without[reason]; g != nil {
			groups = append(groups, *g)
		}
	}
	return groups
}

// rank orders uses by how much they need: what a file is used for in several ways
// counts as the last of them.
var rank = []Use{Look, Read, Execute, Write}

// sum makes one of all uses of a path, and sorts them.
func sum(all []Seen) []Seen {
	slices.SortStableFunc(all, func(a, b Seen) int { return cmp.Compare(a.Path, b.Path) })
	var summed []Seen
	for _, f := range all {
		last := len(summed) - 1
		if last < 0 || summed[last].Path != f.Path {
			summed = append(summed, f)
			continue
		}
		summed[last].Count += f.Count
		if slices.Index(rank, f.Use) > slices.Index(rank, summed[last].Use) {
			summed[last].Use = f.Use
		}
	}
	return summed
}

// withoutWays leaves out directories that were looked at, and no more, above what else
// was looked for: realpath(3) looks at each. It is the program that decides how many there
// are.
func withoutWays(all []Seen) []Seen {
	isWay := func(f Seen) bool {
		if !f.Dir || f.Use != Look {
			return false
		}
		below := strings.TrimSuffix(f.Path, "/") + "/"
		at, _ := slices.BinarySearchFunc(all, below, func(f Seen, path string) int { return strings.Compare(f.Path, path) })
		for at < len(all) && all[at].Path == f.Path {
			at++ // the root itself
		}
		return at < len(all) && strings.HasPrefix(all[at].Path, below)
	}
	var kept []Seen
	for _, f := range all {
		if !isWay(f) {
			kept = append(kept, f)
		}
	}
	return kept
}
