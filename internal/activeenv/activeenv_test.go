package activeenv

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"isolate-namespace/isolate"
)

// Each case is a home directory as a tool leaves it, what is active, and what is
// to be shown. ~ is the home directory; a name that ends in / is a directory,
// NAME -> TARGET a link, NAME = TEXT a file with that content, and any other an
// executable.
func TestShow(t *testing.T) {
	const venv = "~/venv/pyvenv.cfg = home = /usr/bin\n~/venv/bin/python3 -> /usr/bin/env\n~/venv/bin/python -> python3"
	cases := []struct {
		name, files string
		env         string // variables, a space between; PATH gets the system's appended
		mounts      string
		program     string
		want        string
		refused     bool
	}{
		{name: "nothing", want: ""},
		{name: "the system's program", program: "env", want: ""},
		{name: "venv", files: venv, env: "PATH=~/venv/bin", program: "python3", want: "~/venv/bin ~/venv/pyvenv.cfg"},
		{name: "venv whose program is started by another", files: venv, env: "PATH=~/venv/bin", program: "env", want: "~/venv/bin ~/venv/pyvenv.cfg"},
		{name: "venv named by a variable alone", files: venv, env: "VIRTUAL_ENV=~/venv", want: "~/venv"},
		{name: "a variable that names no environment", files: "~/work/f", env: "VIRTUAL_ENV=~/work", want: ""},
		{name: "venv named by a program's path", files: venv, program: "~/venv/bin/python", want: "~/venv/bin ~/venv/pyvenv.cfg"},
		{name: "venv in the working directory stays writable", files: strings.ReplaceAll(venv, "~/venv", "~/w/.venv"), env: "PATH=~/w/.venv/bin", mounts: "~/w", program: "python3", want: ""},
		{name: "venv that a mount covers", files: venv, env: "PATH=~/venv/bin", mounts: "~/venv=none", program: "python3", want: "", refused: true},
		{name: "venv that a mount above covers", files: venv, env: "PATH=~/venv/bin", mounts: "~=none", program: "python3", want: "", refused: true},
		{name: "something else is shown in its place", files: venv + "\n~/w/venv/bin/python3", env: "PATH=~/venv/bin", mounts: "~/venv=~/w/venv", program: "python3", want: ""},
		{name: "something else without the program is shown in its place", files: venv + "\n~/w/f", env: "PATH=~/venv/bin", mounts: "~/venv=~/w", program: "python3", want: "", refused: true},
		{name: "venv after the system", files: venv, env: "PATH=/usr/bin:~/venv/bin", want: ""},
		{name: "found after the system only", files: venv + "\n~/venv/bin/ours", env: "PATH=/usr/bin:~/venv/bin", program: "ours", want: "~/venv/bin ~/venv/pyvenv.cfg"},
		{name: "venv on a Python of uv's",
			files: "~/.local/share/uv/python/cpython-3.12.1/bin/python3.12\n~/.local/share/uv/python/cpython-3.12.1/lib/python3.12/os.py\n~/.local/share/uv/python/cpython-3.12 -> cpython-3.12.1\n" +
				"~/p/.venv/pyvenv.cfg = home = ~/.local/share/uv/python/cpython-3.12/bin\n~/p/.venv/bin/python -> ~/.local/share/uv/python/cpython-3.12/bin/python3.12",
			env: "PATH=~/p/.venv/bin", mounts: "~/p", program: "python",
			want: "~/.local/share/uv/python/cpython-3.12 ~/.local/share/uv/python/cpython-3.12.1"},
		{name: "a tool of uv's or pipx's",
			files: "~/.local/bin/black -> ~/.local/share/uv/tools/black/bin/black\n~/.local/share/uv/tools/black/bin/black\n~/.local/share/uv/tools/black/pyvenv.cfg = home = /usr/bin",
			env:   "PATH=~/.local/bin", program: "black", want: "~/.local/bin ~/.local/share/uv/tools/black"},
		{name: "pip install --user", files: "~/.local/bin/flake8\n~/.local/lib/python3.11/site-packages/x", env: "PATH=~/.local/bin", program: "flake8", want: "~/.local/bin ~/.local/lib/python3.11"},
		{name: "pyenv", files: "~/.pyenv/shims/python\n~/.pyenv/versions/3.12/bin/python", env: "PATH=~/.pyenv/shims:~/.pyenv/bin", program: "python", want: "~/.pyenv"},
		{name: "asdf", files: "~/.asdf/shims/node\n~/.asdf/installs/nodejs/20/bin/node", env: "PATH=~/.asdf/shims", program: "node", want: "~/.asdf"},
		{name: "conda", files: "~/mc/conda-meta/h\n~/mc/condabin/conda\n~/mc/bin/python\n~/mc/envs/x/conda-meta/h\n~/mc/envs/x/bin/python",
			env: "CONDA_PREFIX=~/mc/envs/x PATH=~/mc/envs/x/bin:~/mc/condabin", program: "python", want: "~/mc/bin ~/mc/conda-meta ~/mc/condabin ~/mc/envs/x"},
		{name: "node of nvm's", files: "~/.nvm/versions/node/v20/bin/node\n~/.nvm/versions/node/v20/lib/x", env: "PATH=~/.nvm/versions/node/v20/bin", program: "node", want: "~/.nvm/versions/node/v20"},
		{name: "programs of one's own", files: "~/bin/tool", env: "PATH=~/bin", program: "tool", want: "~/bin"},
		{name: "cargo's, whose parent holds credentials", files: "~/.cargo/bin/rg\n~/.cargo/credentials.toml", env: "PATH=~/.cargo/bin", program: "rg", want: "~/.cargo/bin"},
		{name: "the home directory itself in PATH", files: "~/tool\n~/secret", env: "PATH=~", program: "tool", want: "~/tool"},
		{name: "a program in a directory of documents", files: "~/doc/run\n~/doc/letter", program: "~/doc/run", want: "~/doc/run"},
		{name: "a script of one's own for an environment", files: venv + "\n~/bin/s = #!~/venv/bin/python3", program: "~/bin/s", want: "~/bin ~/venv/bin ~/venv/pyvenv.cfg"},

		// What programs could have written, in this sandbox or an earlier one.
		{name: "a script names a file of the caller's as its interpreter", files: "~/.ssh/id\n~/w/run = #!~/.ssh/id", mounts: "~/w", program: "~/w/run", want: ""},
		{name: "a script names another environment", files: venv + "\n~/w/run = #!~/venv/bin/python3", mounts: "ro:~/w", program: "~/w/run", want: ""},
		{name: "an environment's base", files: "~/.ssh/bin/python\n~/.ssh/lib/x\n~/w/.venv/pyvenv.cfg = home = ~/.ssh/bin\n~/w/.venv/bin/python -> ~/.ssh/bin/python",
			env: "PATH=~/w/.venv/bin", mounts: "~/w", program: "python", want: "", refused: true},
		{name: "an environment's base, where the environment is read-only", files: "~/.ssh/bin/key\n~/.ssh/lib/x\n~/w/.venv/pyvenv.cfg = home = ~/.ssh/bin",
			env: "VIRTUAL_ENV=~/w/.venv PATH=~/w/.venv/bin", mounts: "ro:~/w", want: ""},
		{name: "an environment's base, elsewhere", files: "~/.ssh/bin/key\n~/.ssh/lib/x\n~/w/.venv/pyvenv.cfg = home = ~/.ssh/bin",
			env: "VIRTUAL_ENV=~/w/.venv PATH=~/w/.venv/bin", mounts: "~/other", want: "~/w/.venv"},
		{name: "a project in an environment", files: venv + "\n~/.ssh/id\n~/venv/lib/python3.11/site-packages/a.pth = ~/.ssh", env: "PATH=~/venv/bin", program: "python", want: "~/venv/bin ~/venv/lib ~/venv/pyvenv.cfg"},
		{name: "a link among programs", files: "~/.ssh/id\n~/w/bin/tool -> ~/.ssh/id", env: "PATH=~/w/bin", mounts: "~/w", program: "tool", want: "", refused: true},
		{name: "a link among programs that are read-only", files: "~/tools/bin/t\n~/tools/lib/secret\n~/w/run -> ~/tools/bin/t", mounts: "ro:~/w", program: "~/w/run", want: "", refused: true},
		{name: "a link among an environment's programs", files: venv + "\n~/.ssh/id\n~/venv/bin/tool -> ~/.ssh/id", env: "PATH=~/venv/bin", program: "tool", want: "~/venv/bin ~/venv/pyvenv.cfg", refused: true},
		{name: "a link to another environment", files: venv + "\n~/w/run -> ~/venv/bin/python3", mounts: "ro:~/w", program: "~/w/run", want: "", refused: true},
		{name: "a link in place of a directory of programs", files: "~/.ssh/id\n~/w/bin -> ~/.ssh", env: "PATH=~/w/bin", mounts: "~/other", program: "env", want: ""},
		{name: "a link in place of an environment", files: "~/.ssh/bin/id\n~/.ssh/lib/x\n~/w/.venv -> ~/.ssh", env: "PATH=~/w/.venv/bin", mounts: "~/other", program: "env", want: ""},

		{name: "a lib beside programs", files: "~/x/bin/tool\n~/x/lib/f\n~/x/secret", env: "PATH=~/x/bin", mounts: "~/other", program: "tool", want: "~/x/bin ~/x/lib"},
		{name: "a base that looks like Python", files: "~/x/secret\n~/x/bin/python\n~/x/lib/python3/os.py\n~/x/lib/.venv/pyvenv.cfg = home = ~/x/bin\n~/x/lib/.venv/bin/python -> ~/x/bin/python",
			env: "VIRTUAL_ENV=~/x/lib/.venv PATH=~/x/lib/.venv/bin", mounts: "~/x/lib", program: "python", want: "", refused: true},
		{name: "a script that one's own link leads to", files: venv + "\n~/w/s = #!~/venv/bin/python3\n~/.local/bin/s -> ~/w/s", env: "PATH=~/.local/bin", mounts: "~/other", program: "s", want: "~/.local/bin ~/w/s"},
		{name: "a mask by another name", files: venv + "\n~/venv/key\n~/lnk -> venv", env: "VIRTUAL_ENV=~/venv PATH=~/venv/bin", mounts: "~/lnk/key=none", program: "python", want: "~/venv"},

		{name: "a directory that doesn't exist", env: "PATH=~/gone/bin", program: "env", want: ""},
		{name: "a file in PATH", files: "~/f", env: "PATH=~/f", program: "env", want: ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			home, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			expand := func(s string) string { return strings.ReplaceAll(s, "~", home) }
			makeFiles(t, expand(c.files))
			p := &isolate.Policy{Home: home, Dir: home, Env: []string{"PATH=/usr/bin:/bin"}}
			for _, entry := range strings.Fields(expand(c.env)) {
				if path, ok := strings.CutPrefix(entry, "PATH="); ok {
					entry = "PATH=" + path + ":/usr/bin:/bin"
				}
				p.Env = append(p.Env, entry)
			}

			if err := os.MkdirAll(home+"/other", 0o755); err != nil {
				t.Fatal(err)
			}
			if p.Mounts, err = isolate.ParseMounts(expand(c.mounts), home, home); err != nil {
				t.Fatal(err)
			}
			named := len(p.Mounts)
			if err := Show(p, expand(c.program)); (err != nil) != c.refused {
				t.Fatal(err)
			}
			var got, masks []string
			for _, m := range p.Mounts[named:] {
				if m.Access == isolate.AccessMasked {
					masks = append(masks, m.Target)
					continue
				}
				if m.Access != isolate.AccessReadOnly {
					t.Errorf("%s isn't read-only", m.Source)
				}
				got = append(got, m.Source)
			}

			if strings.Contains(c.name, "mask by") && !slices.Contains(masks, expand("~/venv/key")) {
				t.Errorf("masks are %s", masks)
			}
			slices.Sort(got)
			if want := expand(c.want); strings.Join(got, " ") != want {
				t.Errorf("shows\n%s, want\n%s", strings.Join(got, " "), want)
			}
		})
	}
}

func makeFiles(t *testing.T, list string) {
	t.Helper()
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		path, to, isLink := strings.Cut(line, " -> ")
		path, text, _ := strings.Cut(path, " = ")
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil && isLink {
			err = os.Symlink(to, path)
		} else if err == nil {
			err = os.WriteFile(path, []byte(text), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
