package remedy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// What has a value in it is as a person reads it, and as a shell does.
func TestRemediesOfKernels(t *testing.T) {
	const file = "/k/kernel.json"
	words, private := []string{"/a b/python", "-m", "x"}, []string{"/home/me/.a b", "/home/me/.c"}
	for _, c := range []struct{ got, want string }{
		{NamesThereAre([]string{"ir", "python3"}), "there are: ir, python3"},
		{DidYouMean("ir", []string{"ir", "python3"}), "did you mean ir? There are: ir, python3"},
		{InstallModule("/a b/python", "ipykernel_launcher"), "'/a b/python' -m pip install ipykernel"},
		{InstallModule("/usr/bin/python3", "xpython"), "/usr/bin/python3 -m pip install xpython"},
		{ShowPrivate(private), `--mount 'ro:/home/me/.a\ b ro:/home/me/.c' shows it`},
		{NameWhatRuns(file, words, nil), "let the argv in /k/kernel.json name what it comes to: '/a b/python' -m x"},
		{NameWhatRuns(file, words[1:], private[1:]),
			"--mount ro:/home/me/.c shows what only you can read; or let the argv in /k/kernel.json name what it comes to: -m x"},
		{RemoveFirst("ir-isolated"), "isolate-kernelspec remove ir-isolated removes that"},
		{UpdateTwin("ir-isolated"), "isolate-kernelspec update ir-isolated"},
		{MakeSource(file), "make it, or take it out of /k/kernel.json"},
		{AddEntries("ro:/opt/x", file), "add ro:/opt/x to MNTDIRS_KERNEL in /k/kernel.json"},
		{InstallOtherBase("ir"), "isolate-kernelspec install ir makes a twin of the former"},
		{InstallBaseOrRemove("ir", "ir-isolated"), "install ir again, or isolate-kernelspec remove ir-isolated"},
		{InstallBaseAndUpdate("ir", "ir-isolated"),
			"install ir again, then isolate-kernelspec update ir-isolated; or isolate-kernelspec remove ir-isolated"},
	} {
		if c.got != c.want {
			t.Errorf("%q; want %q", c.got, c.want)
		}
	}
}

// Nothing but this package has the words of a remedy.
func TestNoRemedyIsElsewhere(t *testing.T) {
	errors, findings := 0, 0
	for _, dir := range []string{"kernelspec", "launcher", "internal/verify", "internal/doctor", "cmd/isolate-kernelspec"} {
		files, err := filepath.Glob(filepath.Join("../..", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			parsed, err := parser.ParseFile(set, file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				var said ast.Expr
				switch n := n.(type) {
				case *ast.KeyValueExpr:
					if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Remedy" {
						said = n.Value
						errors++
					}
				case *ast.CompositeLit:
					if name, ok := n.Type.(*ast.Ident); ok && name.Name == "Finding" && len(n.Elts) == 4 {
						said = n.Elts[3]
						findings++
					}
				}
				if hasWords(said) {
					t.Errorf("%s: its remedy belongs here", set.Position(n.Pos()))
				}
				return true
			})
		}
	}
	if errors < 20 || findings < 10 {
		t.Errorf("%d errors and %d findings seen", errors, findings)
	}
}

// hasWords reports whether an expression, or one in it, is a text.
func hasWords(e ast.Expr) (has bool) {
	if e == nil {
		return false
	}
	ast.Inspect(e, func(n ast.Node) bool {
		text, ok := n.(*ast.BasicLit)
		has = has || ok && text.Kind == token.STRING && strings.Contains(text.Value, " ")
		return true
	})
	return has
}
