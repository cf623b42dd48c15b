package main

import (
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"isolate-namespace/internal/manual"
)

// TestManualHasEveryOption compares the description that the man page and the
// completions are made of with what is understood, and with --help.
func TestManualHasEveryOption(t *testing.T) {
	page, err := manual.Read("isolate")
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]int{}
	for _, o := range page.Options {
		for _, name := range o.Names {
			described[name] = len(o.Values)
		}
	}
	understood := map[string]int{}
	for name, o := range optionTable() {
		understood[name] = o.values
	}
	if !maps.Equal(described, understood) {
		t.Errorf("the manual has %v\nunderstood is %v", described, understood)
	}
	for _, name := range regexp.MustCompile(`(?m)(?:^|[ ,])(--?[a-z][a-z-]*)(?: |,|$)`).FindAllStringSubmatch(usage, -1) {
		if _, found := described[name[1]]; !found {
			t.Errorf("--help has %s, and the manual doesn't", name[1])
		}
	}
}

// TestManualExamples runs the examples of the man page, and looks for what each
// must print.
func TestManualExamples(t *testing.T) {
	page, err := manual.Read("isolate")
	if err != nil {
		t.Fatal(err)
	}
	wants := []string{
		"^42\n$", "^2\n$", "^changes/.*/result\n$", "^no network\nfetched\n$", `^42\n *"status": 0`, "^inside\n$",
		`numbers`, "^ps1 42\n$", "^$", "project",
	}
	var examples []string
	for _, block := range page.Section("Examples").Blocks {
		if block.Code {
			examples = append(examples, block.Text)
		}
	}
	if len(examples) != len(wants) {
		t.Fatalf("%d examples, %d expectations", len(examples), len(wants))
	}
	bin := t.TempDir()
	copySelf(t, filepath.Join(bin, "isolate"))
	for i, want := range wants {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			dir := exampleDir(t)
			shell := exec.Command("sh", "-ec", examples[i])
			shell.Dir = dir
			shell.Env = append(os.Environ(), "PATH="+bin+":/usr/bin:/bin", "HOME="+t.TempDir(), "PWD="+dir, "SHELL=/bin/sh", "VERBOSE=", "MNTDIRS=")
			shell.Stdin = strings.NewReader("echo inside\n") // what is typed into a shell
			var stderr strings.Builder
			shell.Stderr = &stderr
			out, err := shell.Output()
			if err != nil || !regexp.MustCompile(want).Match(out) {
				t.Errorf("%s\n%v\n%s%s", examples[i], err, out, stderr.String())
			}
			if i == 2 && slices.Contains(entries(t, dir+"/project"), "result") {
				t.Error("the directory itself was changed")
			}
			if i == 8 && (!slices.Contains(entries(t, dir+"/out"), "program") || slices.Contains(entries(t, dir+"/stranger"), "program")) {
				t.Error("the build did not write out, and only that")
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
