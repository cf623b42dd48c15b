package text

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The commands print by an Output alone. What may go to a standard stream
// otherwise is their usage, and a line that comes and goes on a terminal.
func TestCommandsPrintByOutput(t *testing.T) {
	stream := regexp.MustCompile(`(?i)^(std|.*\.std|raw|.*\.raw|.*\.log$)`)
	seen := 0
	for _, pattern := range []string{"../../cmd/*/*.go", "../../launcher/*.go", "../errorkernel/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			seen++
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					name, args := words(call.Fun), call.Args
					prints := strings.HasPrefix(name, "fmt.Print") || name == "print" || name == "println"
					toStream := (strings.HasPrefix(name, "fmt.Fprint") || name == "io.WriteString") && stream.MatchString(words(args[0]))
					if method, ok := call.Fun.(*ast.SelectorExpr); ok && strings.HasPrefix(method.Sel.Name, "Write") {
						toStream = toStream || stream.MatchString(words(method.X))
					}
					usage := toStream && len(args) == 2 && words(args[1]) == "usage"
					if prints || toStream && !usage {
						t.Errorf("%s: %s prints what nothing has made printable; use text.Output", set.Position(n.Pos()), name)
					}
				}
				return true
			})
		}
	}

	if seen < 20 {
		t.Errorf("only %d files looked at", seen)
	}
}

// words returns a name, or two names with a dot between them, also of a function
// that is called.
func words(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.CallExpr:
		return words(e.Fun)
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return words(e.X) + "." + e.Sel.Name
	}
	return ""
}
