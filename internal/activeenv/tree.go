package activeenv

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"

	"isolate-namespace/internal/pathname"
	"isolate-namespace/internal/regular"
)

// managedTrees are where tools install programs, each in a tree of its own, below
// the home directory. A * is one name.
var managedTrees = []string{
	".pyenv", ".rbenv", ".nodenv", ".asdf", ".volta", ".nvm/versions/node/*", ".rye/py/*", ".rye/shims",
	".local/share/uv/python/*", ".local/share/uv/tools/*", ".local/share/mise", ".local/share/pipx/venvs/*", ".local/pipx/venvs/*", ".local/share/rtx",
	"miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", ".conda/envs/*", ".juliaup", ".sdkman/candidates",
}

// managed returns the tree that a tool has installed and that path lies in, or "".
// It is known by its place, which no program in it can choose.
func (f *finder) managed(path string) string {
	if real, err := f.links.real(path); err == nil {
		for _, store := range []string{"/nix", "/gnu/store"} {
			if pathname.Within(real, store) {
				return store
			}
		}
	}
	if parts := strings.Split(path, "/"); len(parts) > 3 && parts[1] == "opt" {
		return "/opt/" + parts[2]
	}
	for _, home := range []string{f.policy.Home, f.home} {
		below, ok := strings.CutPrefix(path, home+"/")
		if !ok {
			continue
		}
		parts := strings.Split(below, "/")
		for _, tree := range managedTrees {
			depth := strings.Count(tree, "/") + 1
			if len(parts) < depth {
				continue
			}
			prefix := strings.Join(parts[:depth], "/")
			if matched, err := filepath.Match(tree, prefix); err == nil && matched && !f.isNamed(filepath.Join(home, prefix)) {
				return filepath.Join(home, prefix)
			}
		}
	}
	return ""
}

// isPrefix reports whether prefix is an environment of Python or conda.
func isPrefix(prefix string) bool {
	_, err := os.Stat(filepath.Join(prefix, "pyvenv.cfg"))
	return err == nil || isDir(prefix, "conda-meta")
}

func isDir(dir, name string) bool {
	info, err := os.Stat(filepath.Join(dir, name))
	return err == nil && info.IsDir()
}

// basesOf returns the directories of the interpreters that an environment is based
// on: the one that its pyvenv.cfg names, and those that its links lead through.
func (l *links) basesOf(prefix string) []string {
	var dirs []string
	if home := venvHome(prefix); filepath.IsAbs(home) {
		dirs = append(dirs, filepath.Clean(home))
	}
	for _, step := range l.chain(filepath.Join(prefix, "bin/python")) {
		dirs = append(dirs, filepath.Dir(step))
	}
	for _, dir := range dirs {
		// The one that is named may be a link itself, as uv's are.
		if real, err := l.real(dir); err == nil && real != dir {
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
