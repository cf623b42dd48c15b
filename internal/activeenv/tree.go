package activeenv

import (
	"bufio"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/regular"
)

// treeOf returns the directory that the programs in dir need: the prefix that they
// are installed in, where dir is its bin, the manager whose shims they are, the
// store that they are linked from, or dir itself.
func treeOf(dir, home string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		for _, store := range []string{"/nix", "/gnu/store"} {
			if isBelow(real, store) {
				return store
			}
		}
	}

	parent := filepath.Dir(dir)
	switch filepath.Base(dir) {
	case "shims":
		// pyenv, rbenv and nodenv keep versions, asdf and mise installs.
		if isDir(parent, "versions") || isDir(parent, "installs") {
			return parent
		}
	case "bin":
		if isPrefix(parent) {
			return parent
		}
		// ~/.local and the like hold more than programs.
		shared := parent == "/" || isBelow(home, parent) || isBelow(parent, filepath.Join(home, ".local")) && filepath.Dir(parent) == home
		if !shared && (isDir(parent, "lib") || isDir(parent, "libexec") || isDir(parent, "lib64")) {
			return parent
		}
	default:
		// conda's condabin lies beside bin.
		if isDir(parent, "conda-meta") {
			return parent
		}
	}

	return dir
}

// isPrefix reports whether prefix is an environment of Python or conda.
func isPrefix(prefix string) bool {
	_, err := os.Stat(filepath.Join(prefix, "pyvenv.cfg"))
	return err == nil || isDir(prefix, "conda-meta")
}

// isInstallation reports whether prefix holds a Python with its library.
func isInstallation(prefix string) bool {
	libraries, _ := os.ReadDir(filepath.Join(prefix, "lib")) // without one there is no Python
	return slices.ContainsFunc(libraries, func(library fs.DirEntry) bool {
		_, err := os.Stat(filepath.Join(prefix, "lib", library.Name(), "os.py"))
		return err == nil && strings.HasPrefix(library.Name(), "python3")
	})
}

func isDir(dir, name string) bool {
	info, err := os.Stat(filepath.Join(dir, name))
	return err == nil && info.IsDir()
}

// basesOf returns the directories of the interpreters that an environment is based
// on: the one that its pyvenv.cfg names, and those that its links lead through.
func basesOf(prefix string) []string {
	var dirs []string
	if home := venvHome(prefix); filepath.IsAbs(home) {
		dirs = append(dirs, filepath.Clean(home))
	}
	for _, step := range chain(filepath.Join(prefix, "bin/python")) {
		dirs = append(dirs, filepath.Dir(step))
	}
	for _, dir := range dirs {
		// The one that is named may be a link itself, as uv's are.
		if real, err := filepath.EvalSymlinks(dir); err == nil && real != dir {
			dirs = append(dirs, real)
		}
	}
	return dirs
}

// venvHome returns where pyvenv.cfg says that the base's programs are.
func venvHome(prefix string) string {
	f, err := regular.Open(filepath.Join(prefix, "pyvenv.cfg"))
	if err != nil {
		return ""
	}
	defer f.Close()
	const longest = 64 << 10
	lines := bufio.NewScanner(io.LimitReader(f, longest))
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && strings.TrimSpace(name) == "home" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// chain is path and every path that its last links lead through to the file.
func chain(path string) []string {
	const most = 40 // what the kernel follows, path_resolution(7)
	var steps []string
	for range most {
		if _, err := os.Lstat(path); err != nil {
			return steps
		}
		steps = append(steps, path)
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			// Links in the directories on the way count before "..".
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return steps
			}
			to = filepath.Join(dir, to)
		}
		path = filepath.Clean(to)
	}

	return steps
}

// interpreterOf returns the program that a script's first line names, or "".
func interpreterOf(path string) string {
	const longest = 256 // BINPRM_BUF_SIZE
	f, err := regular.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, longest)
	n, _ := f.Read(head)
	line, _, _ := strings.Cut(string(head[:n]), "\n")
	script, ok := strings.CutPrefix(line, "#!")
	fields := strings.Fields(script)
	if !ok || len(fields) == 0 || !filepath.IsAbs(fields[0]) {
		return ""
	}
	return filepath.Clean(fields[0])
}
