package isolate

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/text"
)

// Describe says in words what the policy lets through, and draws the tree of files
// that the program would see. Its lines are safe for a terminal, whatever the files
// are called. It starts nothing, but tries how the limits would be enforced.
func (p Policy) Describe() (string, error) {
	p, t, err := p.plan()
	if err != nil {
		return "", err
	}
	defer t.close()
	limits, err := newLimiter(&p)
	if err != nil {
		return "", err
	}

	limits.group.Remove()
	var b strings.Builder
	say := func(what, words string) { b.WriteString(wrap(fmt.Sprintf("%-13s", what), words)) }
	say("Network", p.networkWords())
	if t.devices != nil {
		say("Devices", deviceWords(t.devices))
	}
	say("User", fmt.Sprintf("%d, group %d, on the host %s", p.User.UID, p.User.GID, p.hostWords()))
	say("Directory", p.Dir)
	say("Environment", strings.Join(names(p.Env), " "))
	say("Limits", limits.words())
	b.WriteString("Files\n")
	t.draw(&b, "/", "")
	return b.String(), nil
}

// An Entry is one entry of the tree of files that a program would see.
type Entry struct {
	Path string `json:"path"`
	What string `json:"what"` // such as "read-only" or "writable of /srv/course"
}

// Tree returns what Describe draws, one entry each, in the order of their paths. It
// starts nothing.
func (p Policy) Tree() ([]Entry, error) {
	_, t, err := p.plan()
	if err != nil {
		return nil, err
	}
	defer t.close()
	var all []Entry
	for _, n := range t.nodes {
		all = append(all, Entry{n.target, t.words(n)})
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

func (p *Policy) networkWords() string {
	if p.Network == NetworkHost {
		return "the host's, with every service on its loopback interface"
	}
	if services, err := p.services(); err == nil && len(services) > 0 {
		return "a loopback interface of its own, and by TCP " + serviceWords(services)
	}
	return "none, but a loopback interface of its own"
}

// hostWords names the host that the program is on, and says what of it can't be set
// here.
func (p *Policy) hostWords() string {
	if p.keptNames == nil {
		return p.Hostname
	}
	return p.Hostname + "; its " + strings.Join(p.keptNames, " and ") + " can't be set here"
}

// names returns the names of variables, in order.
func names(env []string) []string {
	var all []string
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		all = append(all, name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// draw draws the directory's entries. Neighbours share a line if the same is said
// about them and they hold nothing else.
func (t *tree) draw(b *strings.Builder, dir, indent string) {
	var order []string // what is said, in the order of its first name
	same := map[string][]string{}
	for _, name := range t.children(dir) {
		path := filepath.Join(dir, name)
		said, n := "", t.at[path]
		if n != nil {
			said = t.words(n)
		}
		// What is hidden in /proc would fill a screen.
		if len(t.children(path)) > 0 && (n == nil || n.kind != procNode) {
			said = path + "\x00" + said // not shared
		}
		if same[said] == nil {
			order = append(order, said)
		}
		same[said] = append(same[said], name)
	}

	for _, said := range order {
		path, words, own := strings.Cut(said, "\x00")
		if !own {
			words = said
		}
		line := strings.Join(same[said], "  ")
		if words != "" {
			words = ": " + words
		}
		b.WriteString(wrap(indent+"  ", line+words))
		if own {
			t.draw(b, path, indent+"  ")
		}
	}
}

// children returns the names in a directory of the tree.
func (t *tree) children(dir string) []string {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	var all []string
	for _, n := range t.nodes {
		if rest, ok := strings.CutPrefix(n.target, prefix); ok {
			name, _, _ := strings.Cut(rest, "/")
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// words describes n, and what it shows that isn't on this machine.
func (t *tree) words(n *node) string {
	said := n.words()
	if remote := t.remoteBelow(n); remote != nil {
		said += ", with " + strings.Join(remote, ", ")
	}
	return said
}

// wrap fills lines of 80 columns with words, the first after prefix, the
// others below it. A line end in a name is none of these.
func wrap(prefix, words string) string {
	var b strings.Builder
	line := prefix
	used := false
	for word := range strings.SplitSeq(text.Line(words), " ") {
		if used && len(line)+1+len(word) > 80 {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line, used = strings.Repeat(" ", len(prefix)), false
		}
		if used {
			line += " "
		}
		line, used = line+word, true
	}
	return b.String() + strings.TrimRight(line, " ") + "\n"
}
