package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"isolate-namespace/internal/manual"
	"isolate-namespace/isolate"
)

// TestEveryOptionHasAnEffect has each option that is described understood.
func TestEveryOptionHasAnEffect(t *testing.T) {
	value := map[string]string{
		"ENTRIES": ".", "DIR": ".", "MODE": "none", "NAME[=VALUE]": "A=b", "NAME": "name", "N": "3", "N|none": "none", "SIZE": "100M",
		"SIZE|none": "none", "T": "90", "FILE": "report", "PATH": ".", "SOURCE": "/a", "TARGET": "/b", "VALUE": "value",
		"HOST:PORT": "localhost:1", "NAME[:PORT]": "a.test",
	}
	described := map[string]bool{}
	for _, o := range table() {
		var values []string
		for _, v := range o.Following() {
			values = append(values, value[v])
		}
		switch name := o.Name(); name {
		case "--proc", "--dev":
			values[0] = "/" + name[2:]
		case "--help", "--version", "--die-with-parent":
			continue // the first two are errors, the last would end this test
		}
		described[o.Name()] = true
		for _, name := range o.Names {
			if _, err := parseOptions(append(append([]string{name}, values...), "true")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}

	for _, name := range isolate.LimitNames() {
		if !described["--"+name] {
			t.Errorf("the limit %s is not described", name)
		}
	}
}

// TestManualExamples runs the examples of the man page. Each row is
// about the example that it matches: what that must print and leave behind.
func TestManualExamples(t *testing.T) {
	page, err := manual.Read("isolate")
	if err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		name, example, prints string
		check                 func(t *testing.T, dir string)
	}{
		{"one directory", "cd project && isolate python3", "^42\n$", nil},
		{"read-only data", "ro:data' python3 project/count.py", "^2\n$", nil},
		{"changes kept elsewhere", "--cow-dir", "^changes/.*/result\n$", func(t *testing.T, dir string) {
			if slices.Contains(entries(t, dir+"/project"), "result") {
				t.Error("the directory itself was changed")
			}
		}},
		{"network", "--network host", "^no network\nfetched\n$", nil},
		{"services", "--connect", "^no database\nno host\n$", nil},
		{"limits and a report", "--report", `^42\n *"status": 0`, nil},
		{"a shell", "^isolate$", "^inside\n$", nil},
		{"is it visible", "--explain", "numbers", nil},
		{"which entries it needs", "--missed", "^isolate: looked for and not shown: .*/data.*; add ro:.*/data\n$", nil},
		{"variables", "--env COURSE", "^ps1 42\n$", nil},
		{"a stranger's program", "make", "^$", func(t *testing.T, dir string) {
			if !slices.Contains(entries(t, dir+"/out"), "program") || slices.Contains(entries(t, dir+"/stranger"), "program") {
				t.Error("the build did not write out, and only that")
			}
		}},
		{"a look beforehand", "--dry-run", "project", nil},
	}
	var examples []string
	for _, block := range page.Section("Examples").Blocks {
		if block.Code {
			examples = append(examples, block.Text)
		}
	}
	if len(examples) != len(rows) {
		t.Fatalf("%d examples, %d rows", len(examples), len(rows))
	}
	bin := t.TempDir()
	copySelf(t, filepath.Join(bin, "isolate"))
	copySelf(t, filepath.Join(bin, "isolate-network"))

	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			example := regexp.MustCompile(row.example)
			at := slices.IndexFunc(examples, func(e string) bool { return example.MatchString(strings.TrimSpace(e)) })
			if at < 0 {
				t.Fatalf("no example matches %q", row.example)
			}
			dir := exampleDir(t)
			shell := exec.Command("sh", "-ec", examples[at])
			shell.Dir = dir
			shell.Env = append(os.Environ(), "PATH="+bin+":/usr/bin:/bin", "HOME="+t.TempDir(), "PWD="+dir, "SHELL=/bin/sh", "VERBOSE=", "MNTDIRS=")
			shell.Stdin = strings.NewReader("echo inside\n") // what is typed into a shell
			var stderr strings.Builder
			shell.Stderr = &stderr

			out, err := shell.Output()

			if err != nil || !regexp.MustCompile(row.prints).Match(out) {
				t.Errorf("%s\n%v\n%s%s", examples[at], err, out, stderr.String())
			}
			if row.check != nil {
				row.check(t, dir)
			}
		})
	}
}

// exampleDir holds what the examples speak of.
func exampleDir(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			io.WriteString(connection, "fetched\n")
			connection.Close()
		}
	}()

	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"project/answer.py": "print(42)\n",
		"project/count.py":  "import os, sys; print(len(os.listdir(sys.argv[1])))\n",
		"data/numbers":      "1\n",
		"data/letters":      "a\n",
		"stranger/Makefile": "all:\n\t@echo built >$(OUT)/program\n",
		"out/.keep":         "",
		"fetch.py": fmt.Sprintf("import socket\ns = socket.create_connection(('127.0.0.1', %d))\nprint(s.makefile().read(), end='')\n",
			listener.Addr().(*net.TCPAddr).Port),
	})
	return dir
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range all {
		names = append(names, entry.Name())
	}
	return names
}
