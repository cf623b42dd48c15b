package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBubblewrapTable runs the right column of the table in docs/isolate.md.
// testdata/bubblewrap-*.txtar has more of what bubblewrap's users know.
func TestBubblewrapTable(t *testing.T) {
	rows := tableRows(t, "../../docs/isolate.md", "| bubblewrap | isolate |")
	if len(rows) < 10 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	bin := t.TempDir()
	copySelf(t, filepath.Join(bin, "isolate"))

	for _, row := range rows {
		t.Run(strings.Trim(row[0], "`"), func(t *testing.T) {
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"dir/file": "original\n", "src/file": "original\n", "kept/.keep": ""})

			shell := exec.Command("sh", "-c", strings.Trim(row[1], "`"))
			shell.Dir = dir
			shell.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+t.TempDir(), "PWD="+dir)
			if out, err := shell.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// tableRows returns the cells of the Markdown table that follows the header.
func tableRows(t *testing.T, file, header string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), header+"\n| --- | --- |\n")
	if !found {
		t.Fatalf("%s has no table %s", file, header)
	}
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			break
		}
		rows = append(rows, strings.Split(strings.Trim(line, "| "), " | "))
	}
	return rows
}

// writeFiles writes files in directories of dir, each by its name, so that all
// can be executed.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		os.Mkdir(filepath.Join(dir, filepath.Dir(name)), 0o755)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// copySelf makes the test binary a command by its name: TestMain goes by it.
func copySelf(t *testing.T, path string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
}
