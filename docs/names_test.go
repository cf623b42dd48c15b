// Package docs holds the manuals. Its tests hold them to the code.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the documents name in backquotes exists: tests, scripts, files.
func TestNamesExist(t *testing.T) {
	tests := definedTests(t)
	for document, least := range map[string]int{ // tests that it names
		"security.md": 60, "design.md": 20, "../README.md": 0, "../CONTRIBUTING.md": 0, "jupyter.md": 0, "isolate.md": 0, "performance.md": 0, "network.md": 0, "devices.md": 0, "cluster.md": 0,
	} {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}

		named := quoted(string(text), `Test[A-Z]\w*|test_\w+`)
		if len(named) < least {
			t.Errorf("%s names %d tests; is the pattern right?", document, len(named))
		}
		for _, name := range named {
			if !tests[name] {
				t.Errorf("%s: there is no test %s", document, name)
			}
		}
		for _, name := range quoted(string(text), `TestScripts/\w+`) {
			exists(t, document, "../cmd/*/testdata/"+strings.TrimPrefix(name, "TestScripts/")+".txtar")
		}
		for _, name := range quoted(string(text), `test_\w+\.py`) {
			exists(t, document, "../test/"+name)
		}
		for _, path := range quoted(string(text), `(?:cmd|docs|internal|isolate|kernelspec|launcher|scripts|share|test)/[\w./*-]*`) {
			exists(t, document, "../"+path)
		}
	}
}

// quoted returns what stands in backquotes and matches the pattern.
func quoted(text, pattern string) (found []string) {
	for _, match := range regexp.MustCompile("`("+pattern+")`").FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// exists has the test fail if no file matches.
func exists(t *testing.T, document, pattern string) {
	if found, err := filepath.Glob(pattern); err != nil || found == nil {
		t.Errorf("%s: there is no %s", document, pattern)
	}
}

// definedTests returns the names of the Go and Python tests of the repository.
func definedTests(t *testing.T) map[string]bool {
	names := map[string]bool{}
	definition := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)|^def (test_\w+)\(`)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != ".." {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") && filepath.Ext(path) != ".py" {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range definition.FindAllStringSubmatch(string(source), -1) {
			names[match[1]+match[2]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
