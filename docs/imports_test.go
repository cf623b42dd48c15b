package docs

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "isolate-namespace/"

// Imports go one way, as design.md says: what a package reaches, through others
// of this module too, is none of the packages that it must not know.
func TestImportsGoOneWay(t *testing.T) {
	for _, rule := range []struct {
		from, not string
		why       string
	}{
		{"isolate", "launcher kernelspec internal/options internal/remedy internal/jupyter internal/protocol", "the library knows nothing of commands and of Jupyter"},
		{"isolate", "net net/http", "their set-up would cost each start"},
		{"launcher", "kernelspec internal/verify internal/errorkernel", "every kernel's start waits for the launcher"},
		{"launcher", "encoding/json net net/http regexp text/template", "their set-up would cost each start"},
		{"kernelspec", "launcher internal/verify internal/rehearse internal/doctor internal/errorkernel", "verify and doctor build on it"},
		{"internal/network", "isolate launcher kernelspec", "it serves sockets, whoever made them"},
		{"internal/remedy", "kernelspec launcher internal/verify internal/doctor", "they take their remedies from it"},
		{"isolate/internal/attack", "isolate", "attacks know only what a program inside can know"},
	} {
		reached := reach(t, rule.from)
		for _, name := range strings.Fields(rule.not) {
			if way := reached[name]; way != "" {
				t.Errorf("%s: %s", way, rule.why)
			}
		}
	}
}

// reach returns every package that one imports, with the way there. Packages of
// other modules are not followed.
func reach(t *testing.T, from string) map[string]string {
	reached := map[string]string{}
	for next := []string{from}; len(next) > 0; next = next[1:] {
		way := next[0]
		if before := reached[next[0]]; before != "" {
			way = before
		}
		for _, name := range imports(t, next[0]) {
			if reached[name] == "" {
				reached[name] = way + " imports " + name
				next = append(next, name)
			}
		}
	}
	return reached
}

// imports returns the packages that the files of one import, without its tests.
func imports(t *testing.T, name string) (all []string) {
	files, err := filepath.Glob(filepath.Join("..", name, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			all = append(all, strings.TrimPrefix(path, module))
		}
	}
	return all
}
