package kernelspec

import (
	"os"
	"path/filepath"
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
		n, err := needed(c.argv, "x", "/usr/share/jupyter/kernels/x")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, dir := range n.dirs {
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
