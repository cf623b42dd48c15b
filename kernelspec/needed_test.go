package kernelspec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a language is asked for, by programs that answer as theirs do.
func TestNeeded(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("JULIA_DEPOT_PATH", "")
	at := func(path string) string {
		path = filepath.Join(home, path)
		os.MkdirAll(filepath.Dir(path), 0o755)
		return path
	}
	program := func(path, script string) string {
		path = at(path)
		os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755)
		return path
	}

	for _, dir := range []string{"R/site", "depot", "julia/share", "jdk", "jars", "lib/node_modules/tslab/bin", "lib/node_modules/zeromq"} {
		os.MkdirAll(filepath.Join(home, dir), 0o755)
	}
	jar := at("jars/ijava.jar")
	os.WriteFile(jar, nil, 0o644)
	script := at("lib/node_modules/tslab/bin/tslab.js")
	os.WriteFile(script, nil, 0o644)

	cases := []struct {
		name    string
		argv    []string
		want    []string
		unknown bool
	}{
		{"R", []string{program("r/bin/R", "echo "+home+"/R/site")}, []string{"R/site", "r"}, false},
		{"Java", []string{program("jre/bin/java", "echo '    java.home = "+home+"/jdk' >&2"), "-jar", jar}, []string{"jars", "jdk", "jre"}, false},
		{"Node", []string{program("node/bin/node", "true"), script}, []string{"lib/node_modules", "node"}, false},
		{"Julia", []string{program("julia/bin/julia", "echo "+home+"/julia; echo "+home+"/depot")}, []string{"depot", "julia"}, false},
		{"a program in ~/bin", []string{at("bin/own")}, []string{"bin"}, true},
		{"a program in ~/.local/bin", []string{at(".local/bin/own")}, []string{".local/bin"}, true},
	}
	for _, c := range cases {
		if _, err := os.Stat(c.argv[0]); err != nil { // no script, or its interpreter's make would be known
			os.WriteFile(c.argv[0], []byte("\x7fELF"), 0o755)
		}
		n, err := needed(t.Context(), command{c.argv, "x", os.Environ()}, "/usr/share/jupyter/kernels/x")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, dir := range n.paths {
			got = append(got, strings.TrimPrefix(dir, home+"/"))
		}
		if diff := cmp.Diff(c.want, got); diff != "" || n.unknown != c.unknown {
			t.Errorf("%s, unknown %v, want - got +:\n%s", c.name, n.unknown, diff)
		}
		if c.name == "Julia" && !strings.HasPrefix(n.env["JULIA_DEPOT_PATH"], "/tmp/julia:"+home+"/depot:") {
			t.Errorf("depots %s", n.env["JULIA_DEPOT_PATH"])
		}
	}
}

func TestIsWrapper(t *testing.T) {
	home := wrappedWorld(t, map[string]string{
		"wrap.sh": "#!/bin/bash\n", "env.sh": "#!/usr/bin/env bash\n", "tool": "#!/usr/bin/python3\n", "R": "#!/bin/sh\n", "text": "exec x\n",
	})
	if err := os.Symlink("wrap.sh", filepath.Join(home, "link")); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]bool{
		"/bin/sh -c true {connection_file}": true, "/usr/bin/bash ~/wrap.sh": true, "/bin/sh {connection_file}": false, "/bin/sh": false,
		"~/wrap.sh {connection_file}": true, "~/env.sh": true, "~/link": true, "~/R": true, "~/tool": true, "~/text": false, "/no/such/file": false,
		"/usr/bin/python3 -m x": true, "/usr/bin/R": false, "/usr/bin/python3 -m ipykernel_launcher -f {connection_file}": false,
		"/usr/bin/python3 -I -X dev -m ipykernel.kernelapp": false, "/usr/bin/python3 {connection_file}": false,
		"/usr/bin/python3 -u ~/tool {connection_file}": true, "/usr/bin/python3 -c x": true, "/usr/bin/python3 -m": false, "/usr/bin/python3": false,
	} {
		if got := isWrapper(strings.Fields(strings.ReplaceAll(line, "~", home)), "python"); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

// What is asked says known, and a make that can't be asked doesn't.
func TestAskMake(t *testing.T) {
	home := wrappedWorld(t, map[string]string{
		"py/bin/python3": "#!/bin/sh\nexec /usr/bin/python3 \"$@\"\n", "tool": "#!" + "/usr/bin/env python3\n",
		"shell.sh": "#!/bin/sh\n", "elf": "\x7fELF", "broken/python3": "#!/bin/sh\nexit 1\n",
		"jre/bin/java": "#!/bin/sh\necho '    java.home = /usr/share' >&2\n", "own.py": "#!" + "/no/such/python3\n",
	})

	cases := []struct {
		program, language string
		known, fails      bool
		path              string // one of those that it says
	}{
		{"/usr/bin/python3", "python", true, false, "/usr"},
		{"~/py/bin/python3", "python", true, false, "/usr"},
		{"~/tool", "python", true, false, "/usr"},
		{"~/jre/bin/java", "java", true, false, "/usr/share"},
		{"/usr/bin/octave-cli", "octave", true, false, ""},
		{"/bin/bash", "bash", true, false, ""},
		{"~/shell.sh", "python", false, false, ""},
		{"~/elf", "rust", false, false, ""},
		{"/no/such/program", "rust", false, false, ""},
		{"~/broken/python3", "python", false, true, ""},
		{"~/own.py", "python", false, true, ""},
	}
	for _, c := range cases {
		paths, known, err := askMake(strings.Replace(c.program, "~", home, 1), c.language, os.Environ())
		if (err != nil) != c.fails || !c.fails && known != c.known || c.path != "" && !slices.Contains(paths, c.path) {
			t.Errorf("%s: %v, known %v, %v", c.program, paths, known, err)
		}
	}
}

// A program's tree is never more than the program.
func TestProgramTree(t *testing.T) {
	home := wrappedWorld(t, map[string]string{
		"bin/own": "", ".local/bin/own": "", "wrap.sh": "", "miniconda3/bin/python3": "", "venvs/a b/bin/python": "", "code/run/start": "",
		"tool/libexec/start": "", "js/node_modules/a/node_modules/b/x.js": "", ".config/wrap": "", "bin/python3.11": "",
	})
	for link, target := range map[string]string{
		"bin/python3": "../miniconda3/bin/python3", "start": "bin/python3", "js/x": "node_modules/a/node_modules/b/x.js",
		"linked": home + "/js",
	} {
		if err := os.Symlink(target, filepath.Join(home, link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"~/bin/own": "~/bin", "~/.local/bin/own": "~/.local/bin", "~/wrap.sh": "~/wrap.sh", "~/miniconda3/bin/python3": "~/miniconda3",
		"~/venvs/a b/bin/python": "~/venvs/a b", "~/code/run/start": "~/code/run", "~/tool/libexec/start": "~/tool",
		"~/js/node_modules/a/node_modules/b/x.js": "~/js/node_modules", "~/bin/python3": "~/bin|~/miniconda3", "~/start": "~/start|~/bin|~/miniconda3",
		"~/linked/x": "~/linked|~/linked/node_modules|~/js/node_modules", "~/.config/wrap": "~/.config/wrap",
		"/opt/wrap.sh": "/opt/wrap.sh", "/opt/bin/wrap": "/opt/bin", "/opt/tool/bin/x": "/opt/tool", "/wrap.sh": "/wrap.sh", "/home/wrap.sh": "/home/wrap.sh",
		"/nix/store/0-python3/bin/python3": "/nix/store", "/gnu/store/0-python/bin/python3": "/gnu/store",
	} {
		got := strings.ReplaceAll(strings.Join(programTrees(strings.Replace(path, "~", home, 1)), "|"), home, "~")
		if got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// Files and directories that a command names are seen; a home directory isn't.
func TestArguments(t *testing.T) {
	home := wrappedWorld(t, map[string]string{
		"profile/x": "", "jars/a.jar": "", "jars/more/b.jar": "", "script.py": "", "project/Project.toml": "", "own dir/x": "",
	})
	cases := []struct {
		args  string // a | between them
		paths []string
		note  string
	}{
		{"--profile-dir|~/profile", []string{"~/profile"}, "~/profile, which its command names, is a copy inside: what a kernel writes there is lost"},
		{"--profile-dir=~/own dir", []string{"~/own dir"}, "~/own dir"},
		{"--project=~/project", []string{"~/project"}, "~/project"},
		{"-cp|~/jars/a.jar:~/jars/more/*:/usr/share", []string{"~/jars", "~/jars/more"}, "~/jars/more, which its command names, is a copy inside"},
		{"-Dhome=~/project|-L~/profile", []string{"~/project", "~/profile"}, "~/profile"},
		{"-Xbootclasspath/a:~/jars/a.jar", nil, ""},
		{"~/script.py", []string{"~/script.py"}, ""},
		{"--dir=~", nil, "~, which its command names, is not shown: it holds the home directory"},
		{"--dir|/", nil, "/, which its command names, is not shown"},
		{"-m|ipykernel_launcher|-f|{connection_file}|--x=relative/y|https://example.org/x|/no/such", nil, ""},
		{"/usr/share", nil, ""},
	}
	for _, c := range cases {
		n := &need{}
		n.arguments(strings.Split(strings.ReplaceAll(c.args, "~", home), "|"))
		var want []string
		for _, path := range c.paths {
			want = append(want, strings.Replace(path, "~", home, 1))
		}
		if diff := cmp.Diff(want, append(n.paths, n.write...)); diff != "" {
			t.Errorf("%s: want - got +:\n%s", c.args, diff)
		}
		notes := strings.Join(n.notes, "\n")
		if !strings.Contains(notes, strings.Replace(c.note, "~", home, 1)) || (c.note == "") != (notes == "") {
			t.Errorf("%s: notes %q", c.args, notes)
		}
	}
}

// Nothing that is shown holds the home directory, whatever an interpreter says;
// and a file that is reached by links is seen by each name.
func TestSettle(t *testing.T) {
	home := wrappedWorld(t, map[string]string{"bin/python3": "", "lib/python3/os.py": "", "secret": "", ".local/lib/x": "", "real/lib.so": "", "profile": ""})
	for link, target := range map[string]string{"one.so": "two.so", "two.so": home + "/real/lib.so"} {
		if err := os.Symlink(target, filepath.Join(home, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(home, "secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := &need{
		paths: []string{home, filepath.Dir(home), "/", home + "/.local"},
		files: []string{home + "/one.so", "/usr/bin/python3", "/proc/version"},
		read:  []string{home + "/secret", home + "/profile", home + "/lib/python3/os.py"},
	}
	n.settle()
	want := []string{".local/lib", "bin", "lib", "one.so", "profile", "real/lib.so", "two.so"}
	var got []string
	for _, path := range n.paths {
		got = append(got, strings.TrimPrefix(path, home+"/"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +:\n%s", diff)
	}
}
