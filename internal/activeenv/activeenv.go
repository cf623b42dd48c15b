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

	"isolate-namespace/internal/regular"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// Show adds to the policy's mounts, read-only, what it lacks of the environments
// that are active by its Env, and of program, as PATH finds it outside. It shows an
// environment with what that is based on. If that would show a home directory, it shows
// only the program.
//
// The error says that the program can't be shown, so that another one of its name would
// run.
func Show(p *isolate.Policy, program string) error {
	f := &finder{policy: p, home: realHome(p.Home), named: len(p.Mounts)}
	path := searchPath(p.Env)
	for _, dir := range path {
		if isSystem(dir) {
			break
		}
		if isBelow(dir, "/usr") && p.Base == nil {
			continue // part of the base
		}
		f.showPrograms(dir)
	}
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if prefix := getenv(p.Env, name); filepath.IsAbs(prefix) && isPrefix(prefix) {
			f.showPrefix(prefix)
		}
	}
	return f.showProgram(program, path)
}

// A finder adds to the mounts of a policy.
type finder struct {
	policy *isolate.Policy
	home   string // without links
	named  int    // how many of its mounts were named
}

// searchPath returns the absolute directories of PATH, in order.
func searchPath(env []string) []string {
	var dirs []string
	for _, dir := range filepath.SplitList(getenv(env, "PATH")) {
		if filepath.IsAbs(dir) && !slices.Contains(dirs, filepath.Clean(dir)) {
			dirs = append(dirs, filepath.Clean(dir))
		}
	}
	return dirs
}

// isSystem reports whether a directory of PATH belongs to the base system, which
// every sandbox shows. What follows it in PATH takes nothing's place.
func isSystem(dir string) bool {
	for _, system := range []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/local/sbin"} {
		if dir == system {
			return true
		}
	}
	return false
}

// showPrograms shows a directory of programs, with the tree that they need.
func (f *finder) showPrograms(dir string) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return
	}
	tree := treeOf(dir, f.home)
	if isPrefix(tree) {
		f.showPrefix(tree)
		return
	}
	f.show(tree)
	if tree == filepath.Join(f.home, ".local/bin") || tree == filepath.Join(f.policy.Home, ".local/bin") {
		// What pip install --user put there imports its package from here.
		libraries, _ := os.ReadDir(filepath.Join(filepath.Dir(tree), "lib"))
		for _, library := range libraries {
			if strings.HasPrefix(library.Name(), "python3") {
				f.show(filepath.Join(filepath.Dir(tree), "lib", library.Name()))
			}
		}
	}
}

// showPrefix shows an environment and the installations of Python that it is
// based on.
func (f *finder) showPrefix(prefix string) {
	f.show(prefix)
	for _, dir := range basesOf(prefix) {
		if tree := treeOf(dir, f.home); tree != prefix && isInstallation(tree) {
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
	if interpreter := interpreterOf(found); interpreter != "" && f.believes(found) && isPrefix(filepath.Dir(filepath.Dir(interpreter))) {
		f.showFile(interpreter)
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
	believed := true
	for _, step := range chain(path) {
		dir := filepath.Dir(step)
		tree := treeOf(dir, f.home)
		if !believed && !isInstallation(tree) {
			return
		}
		believed = f.believes(step)
		if f.visible(step) {
			continue
		}
		if tree != dir || filepath.Base(dir) == "bin" {
			f.showPrograms(dir)
		}
		if !f.shown(step) {
			f.add(step)
		}
	}
}

// believes reports whether what a file or link says is reason enough to show what
// it leads to. Sandboxes write in the directories that people work in, now, or
// before and for somebody else: a link, a first line or a pyvenv.cfg there may be
// a program's, and is believed only to lead to an installation of Python. Where
// people put programs of their own, or packages do, it isn't.
func (f *finder) believes(path string) bool {
	for _, dir := range []string{filepath.Join(f.home, "bin"), filepath.Join(f.home, ".local/bin"), filepath.Join(f.policy.Home, "bin"), filepath.Join(f.policy.Home, ".local/bin")} {
		if filepath.Dir(path) == dir {
			return true
		}
	}
	for _, system := range []string{"/usr", "/opt", "/etc/alternatives", "/nix", "/gnu", "/snap"} {
		if isBelow(path, system) {
			return !f.isNamed(path)
		}
	}
	return false
}

// show adds a directory to the mounts unless it is visible as it is or holds
// more than programs.
func (f *finder) show(dir string) {
	if !f.visible(dir) && !f.isPrivate(dir) && !f.leadsAway(dir) {
		f.add(dir)
	}
}

// leadsAway reports whether links in a directory's path lead to something else
// than programs, where they may be a program's.
func (f *finder) leadsAway(dir string) bool {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil || real == dir || isPrefix(real) || isInstallation(real) || isInstallation(filepath.Dir(real)) {
		return err != nil
	}
	below, ofHome := strings.CutPrefix(dir, f.policy.Home+"/")
	return !f.believes(filepath.Join(dir, ".")) && !(ofHome && real == filepath.Join(f.home, below))
}

// add adds a mount, where something is and no mount was named to keep it away.
func (f *finder) add(path string) {
	if _, err := os.Stat(path); err != nil || f.isCovered(path) {
		return
	}
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path && !f.shown(real) {
		defer f.add(real) // links in what it shows lead there
	}
	f.policy.Mounts = append(f.policy.Mounts, isolate.ReadOnly(path).IfExists())
}

// isPrivate reports whether showing dir would show a home directory, the sockets of
// other programs, or the whole machine.
func (f *finder) isPrivate(dir string) bool {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return true
	}
	for _, d := range []string{dir, real} {
		for _, secret := range []string{f.policy.Home, f.home, "/tmp", "/var/tmp", "/dev/shm", "/run", "/var", "/dev", "/proc", "/sys", "/etc"} {
			if isBelow(secret, d) {
				return true
			}
		}
	}
	local := filepath.Join(f.home, ".local")
	return real == local || real == filepath.Join(f.home, ".config") || real == filepath.Join(local, "share")
}

func realHome(home string) string {
	if real, err := filepath.EvalSymlinks(home); err == nil {
		return real
	}
	return home
}

// isBelow reports whether path is dir or lies in it.
func isBelow(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

func getenv(env []string, name string) (value string) {
	for _, entry := range env {
		if n, v, ok := strings.Cut(entry, "="); ok && n == name {
			value = v
		}
	}
	return value
}
