package kernelspec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/pathname"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// settle brings the paths into their final form: it drops what the base system or
// another path shows, and never shows a whole home directory.
func (n *need) settle() {
	var paths []string
	for _, path := range n.paths {
		if path = fileTree(path); showsHome(path) {
			paths = append(paths, partsOf(path)...)
		} else {
			paths = append(paths, path)
		}
	}
	n.paths = reduce(paths)

	n.paths = reduce(append(n.paths, together(n.unseen(n.files))...))
	n.settleRead()
}

// settleRead adds what the command read, and says which files of the home directory
// it adds one by one. A file that only its owner can read, such as a key, it leaves
// out.
func (n *need) settleRead() {
	home, _ := os.UserHomeDir()
	var shown, own []string
	for _, path := range n.unseen(n.read) {
		if isPrivate(path) {
			n.hidden = append(n.hidden, path)
			continue
		}
		shown = append(shown, path)
		if home != "" && pathname.Within(path, home) {
			own = append(own, path)
		}
	}

	n.paths = reduce(append(n.paths, together(shown)...))
	if len(own) > 0 {
		n.notes = append(n.notes, "its command reads "+strings.Join(own, ", ")+", and so can what runs in the kernel")
	}
	if len(n.hidden) > 0 {
		n.notes = append(n.notes, "its command reads "+strings.Join(n.hidden, ", ")+
			", which only you can read and kernels don't see; "+remedy.ShowPrivate(n.hidden))
	}
}

// unseen returns those of some files, and of what they lead to as links, that
// nothing shows yet.
func (n *need) unseen(files []string) (paths []string) {
	for _, file := range files {
		for _, path := range linksTo(file) {
			if path = fileTree(path); !n.shows(path) && !shownByBase(path) && !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// partsOf returns the directories of an interpreter's prefix, if that is a home
// directory, as far as they exist.
func partsOf(prefix string) (parts []string) {
	for _, name := range []string{"bin", "lib", "lib64", "libexec"} {
		part := filepath.Join(prefix, name)
		if _, err := os.Stat(part); err == nil && !showsHome(part) {
			parts = append(parts, part)
		}
	}
	return parts
}

// isPrivate reports whether only its owner can read a file.
func isPrivate(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o077 == 0
}

// entries returns all of it in the syntax of MNTDIRS_KERNEL.
func (n *need) entries() string {
	// A path may disappear some day; then the kernel complains, if it needs it.
	var mounts []isolate.Mount
	for _, path := range n.paths {
		mounts = append(mounts, isolate.ReadOnly(path).IfExists())
	}
	for _, path := range n.write {
		mounts = append(mounts, isolate.CopyOnWrite(path).IfExists())
	}
	for _, path := range n.masked {
		mounts = append(mounts, isolate.Masked(path))
	}
	return isolate.FormatMounts(mounts)
}

// shows reports whether one of the paths shows this one.
func (n *need) shows(path string) bool {
	return slices.ContainsFunc(n.paths, func(tree string) bool { return pathname.Within(path, tree) })
}

// linksTo returns a path, each link that it leads to, and where they end.
func linksTo(path string) (paths []string) {
	for range 40 { // as the kernel has it (path_resolution(7))
		paths = append(paths, path)
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = filepath.Clean(target)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
		paths = append(paths, real)
	}
	return paths
}

// shownByBase reports whether a sandbox that is given nothing shows a path.
func shownByBase(path string) bool {
	for _, tree := range []string{"/proc", "/sys", "/dev"} {
		if pathname.Within(path, tree) {
			return true
		}
	}
	if inBaseSystem(path) {
		return true
	}
	e, err := isolate.Policy{Dir: "/"}.Explain(path)
	return err == nil && e.Visible
}

// together shows a directory for many files of it.
func together(files []string) []string {
	const many = 8
	count := map[string]int{}
	for _, file := range files {
		count[filepath.Dir(file)]++
	}
	var paths []string
	for _, file := range files {
		if dir := filepath.Dir(file); count[dir] >= many && !tooWide(dir) {
			file = dir
		}
		paths = append(paths, file)
	}
	return paths
}
