// Package activeenv finds the environments that are active where a command is
// started: those whose programs come before the system's in PATH, and those
// that VIRTUAL_ENV and CONDA_PREFIX name. A sandbox that doesn't show them would
// silently run the system's python3 instead of the environment's, which its caller's
// shell runs.
package activeenv

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/pathname"
	"isolate-namespace/internal/regular"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// Show adds to the policy's mounts, read-only, what it lacks of the environments
// that are active by its Env, and of program, as PATH finds it outside.
//
// What is named by a variable or on the command line is shown. What a file or link
// only leads to is shown where tools install programs and nobody works: sandboxes
// write in the directories that people work in, now, or before and for somebody
// else, and a pyvenv.cfg, a link or a script's first line there may be a program's.
//
// The error says that the program can't be shown, so that another one of its name
// would run.
func Show(p *isolate.Policy, program string) error {
	f := &finder{policy: p, home: p.Home, named: len(p.Mounts), links: newLinks()}
	if real, err := f.links.real(p.Home); err == nil {
		f.home = real
	}
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if prefix := getenv(p.Env, name); filepath.IsAbs(prefix) && isPrefix(prefix) {
			prefix = filepath.Clean(prefix)
			f.show(prefix)
			f.showBases(prefix)
		}
	}

	path := searchPath(p)
	for _, dir := range path {
		if isSystem(dir) {
			break
		}
		if pathname.Within(dir, "/usr") && p.Base == nil {
			continue // part of the base
		}
		f.showPrograms(dir)
	}

	return f.showProgram(program, path)
}

// A finder adds to the mounts of a policy.
type finder struct {
	policy *isolate.Policy
	home   string // without links
	named  int    // how many of its mounts were named
	links  *links
}

// searchPath returns the directories of PATH, in order. A relative one, or an empty one,
// is as seen from the working directory.
func searchPath(p *isolate.Policy) []string {
	var dirs []string
	for _, dir := range filepath.SplitList(getenv(p.Env, "PATH")) {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(p.Dir, dir)
		}
		if dir = filepath.Clean(dir); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// isSystem reports whether a directory of PATH belongs to the base system, which
// every sandbox shows. What follows it in PATH takes nothing's place.
func isSystem(dir string) bool {
	return slices.Contains([]string{"/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/local/sbin"}, dir)
}

// prefixParts are what programs need of the prefix that they are installed in. A
// prefix may be a directory that somebody works in: no more of it is shown.
var prefixParts = []string{"bin", "sbin", "lib", "lib64", "libexec", "include", "share", "ssl", "condabin", "conda-meta", "pyvenv.cfg"}

// showPrograms shows a directory of programs, with what they need beside it.
func (f *finder) showPrograms(dir string) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return
	}
	if tree := f.managed(dir); tree != "" {
		f.show(tree)
		return
	}
	f.show(dir)

	prefix := filepath.Dir(dir)
	switch {
	case !slices.Contains([]string{"bin", "sbin", "condabin"}, filepath.Base(dir)) || pathname.Within(f.home, prefix) || pathname.Within(f.policy.Home, prefix):
	case filepath.Base(prefix) == ".local":
		// What pip install --user put there imports its package from here.
		libraries, _ := os.ReadDir(filepath.Join(prefix, "lib"))
		for _, library := range libraries {
			if strings.HasPrefix(library.Name(), "python3") {
				f.show(filepath.Join(prefix, "lib", library.Name()))
			}
		}
	default:
		for _, part := range prefixParts {
			f.show(filepath.Join(prefix, part))
		}
		f.showBases(prefix)
	}
}

// showBases shows the installations of Python that an environment is based on.
func (f *finder) showBases(prefix string) {
	for _, dir := range f.links.basesOf(prefix) {
		if tree := f.managed(dir); tree != "" {
			f.show(tree)
		}
	}
}

// showProgram shows the program that a name means outside. An error says that
// it can't be.
func (f *finder) showProgram(name string, path []string) error {
	found := f.find(name, path)
	if found == "" || isSystem(filepath.Dir(found)) && f.policy.Base == nil {
		return nil
	}
	f.showFile(found)
	// The first line is the file's, wherever links to it lie.
	if real, err := f.links.real(found); err == nil && (f.believes(real) || f.managed(real) != "") {
		if interpreter := interpreterOf(real); interpreter != "" && !isSystem(filepath.Dir(interpreter)) {
			f.showFile(interpreter)
		}
	}
	if !f.visible(found) && !f.replaced(found) {
		return &isolate.SetupError{Doing: "run " + name, Path: found, Err: errors.New("it is the one that PATH finds, and it can't be shown inside"),
			Kind: remedy.KindOtherProgram}
	}
	return nil
}

// find returns the path of the program that execvp(3) would run outside, or "".
func (f *finder) find(name string, path []string) string {
	if name == "" {
		return ""
	}
	candidates := []string{name}
	if !strings.Contains(name, "/") {
		candidates = nil
		for _, dir := range path {
			candidates = append(candidates, filepath.Join(dir, name))
		}
	}

	for _, candidate := range candidates {
		if !filepath.IsAbs(candidate) {
			candidate = filepath.Join(f.policy.Dir, candidate)
		}
		if regular.Executable(candidate) {
			return filepath.Clean(candidate)
		}
	}

	return ""
}

// showFile shows a program and where its links lead: uv's and pipx's commands
// are links into an environment of their own. Of a directory that holds more
// than programs it shows the program alone.
func (f *finder) showFile(path string) {
	for i, step := range f.links.chain(path) {
		tree := f.managed(step)
		switch {
		case f.visible(step):
		case tree != "":
			f.show(tree)
		case i == 0 && filepath.Base(filepath.Dir(step)) == "bin":
			f.showPrograms(filepath.Dir(step))
		}
		if !f.shown(step) {
			f.add(step)
		}
		if tree == "" && !f.believes(step) {
			// A link goes on only to where tools install programs.
			f.showBasesOfLink(step)
			return
		}
	}
}

// showBasesOfLink shows the trees of tools that a link leads to.
func (f *finder) showBasesOfLink(path string) {
	for _, step := range f.links.chain(path)[1:] {
		if tree := f.managed(step); tree != "" {
			f.show(tree)
		}
	}
}

// believes reports whether a link or a script's first line is reason enough to
// show the program that it leads to: where people put programs of their own, or
// packages do.
func (f *finder) believes(path string) bool {
	for _, home := range []string{f.home, f.policy.Home} {
		if dir := filepath.Dir(path); dir == filepath.Join(home, "bin") || dir == filepath.Join(home, ".local/bin") {
			return !f.isNamed(path)
		}
	}
	return slices.ContainsFunc([]string{"/usr", "/opt", "/etc/alternatives", "/nix", "/gnu", "/snap"}, func(dir string) bool {
		return pathname.Within(path, dir) && !f.isNamed(path)
	})
}

// show adds a file or directory to the mounts unless it is visible as it is,
// holds more than programs, or is a link that may be a program's.
func (f *finder) show(path string) {
	if !f.visible(path) && !f.isPrivate(path) && !f.leadsAway(path) {
		f.add(path)
	}
}

// leadsAway reports whether links in a path lead to something else than programs.
func (f *finder) leadsAway(path string) bool {
	real, err := f.links.real(path)
	if err != nil {
		return true
	}
	parent, err := f.links.real(filepath.Dir(path))
	beside := err == nil && filepath.Dir(real) == parent && f.isStraight(filepath.Dir(path), parent) // as lib64 is a link to lib
	return !f.isStraight(path, real) && !beside && !isPrefix(real) && f.managed(real) == "" && !f.believes(path)
}

// isStraight reports whether no link leads from path to real but for one to the
// home directory.
func (f *finder) isStraight(path, real string) bool {
	below, ofHome := strings.CutPrefix(path, f.policy.Home+"/")
	return real == path || ofHome && real == filepath.Join(f.home, below)
}

// add adds a mount, where something is and no mount was named to keep it away, by
// this name or another one.
func (f *finder) add(path string) {
	real, err := f.links.real(path)
	if err != nil || f.isCovered(path) {
		return
	}
	var masks []isolate.Mount
	for _, m := range f.policy.Mounts[:f.named] {
		hidden, err := f.links.real(m.Target)
		if err != nil || m.Access != isolate.AccessMasked && m.Access != isolate.AccessPrivate {
			continue
		}
		if pathname.Within(real, hidden) {
			return
		}
		if below, found := strings.CutPrefix(hidden, real+"/"); found {
			masks = append(masks, isolate.Masked(filepath.Join(path, below)))
		}
	}

	f.policy.Mounts = append(append(f.policy.Mounts, isolate.ReadOnly(path).IfExists()), masks...)
	if real != path && !f.shown(real) {
		f.add(real) // links in what it shows lead there
	}
}

// isPrivate reports whether showing dir would show a home directory, the sockets of
// other programs, or the whole machine.
func (f *finder) isPrivate(dir string) bool {
	real, err := f.links.real(dir)
	if err != nil {
		return true
	}
	for _, d := range []string{dir, real} {
		for _, secret := range []string{f.policy.Home, f.home, "/tmp", "/var/tmp", "/dev/shm", "/run", "/var", "/dev", "/proc", "/sys", "/etc"} {
			if pathname.Within(secret, d) {
				return true
			}
		}
	}
	return real == filepath.Join(f.home, ".local") || real == filepath.Join(f.home, ".config") || real == filepath.Join(f.home, ".local/share")
}

func getenv(env []string, name string) (value string) {
	for _, entry := range env {
		if n, v, ok := strings.Cut(entry, "="); ok && n == name {
			value = v
		}
	}
	return value
}
