package remedy

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"isolate-namespace/internal/place"
	"isolate-namespace/isolate"
)

// kinds returns the values of a package's constants of type Kind, by their names,
// in the order in which they are written.
func kinds(t *testing.T, file string) (names []string, values map[string]isolate.Kind) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}

	values = map[string]isolate.Kind{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Kind") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, spec.Names[0].Name)
		values[spec.Names[0].Name] = isolate.Kind(value)
		return true
	})
	return names, values
}

// All remedies of every command, as a person reads them.
func TestRemedies(t *testing.T) {
	hidden := &isolate.Surroundings{Place: place.Place{Kind: place.Docker, Profile: "docker-default", Masks: []string{"/proc/keys"}}, Refused: []string{"clone"}}
	var b strings.Builder
	seen := map[isolate.Kind]string{}
	for _, file := range []string{"../../isolate/kind.go", "table.go"} {
		names, values := kinds(t, file)
		for _, name := range names {
			kind := values[name]
			if other := seen[kind]; other != "" {
				t.Errorf("%s and %s are both %q", name, other, kind)
			}
			seen[kind] = name

			fmt.Fprintf(&b, "%s: %s\n", name, kind)
			said := map[string][]string{}
			var order []string
			for _, c := range []Command{Isolate, Kernel, Kernelspec} {
				remedy := c.For(&isolate.SetupError{Kind: kind, Path: "/a path", About: "/about it", Where: hidden})
				remedy = strings.ReplaceAll(remedy, c.Group(), "{group}") // which is of this machine
				if said[remedy] == nil {
					order = append(order, remedy)
				}
				said[remedy] = append(said[remedy], string(c))
			}
			for _, remedy := range order {
				if remedy == "" {
					continue
				}
				who := strings.Join(said[remedy], ", ")
				if len(order) == 1 {
					who = "each"
				}
				fmt.Fprintf(&b, "  %s: %s\n", who, remedy)
			}
		}
	}
	for kind := range table() {
		if seen[kind] == "" {
			t.Errorf("there is no kind %q", kind)
		}
	}

	const golden = "testdata/remedies.golden"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s, which UPDATE_GOLDEN=1 writes: - there + here\n%s", golden, diff)
	}
}

// Each kind has a remedy, but for those of which nothing is known to help.
func TestEachKindHasARemedy(t *testing.T) {
	none := []string{"KindChanged", "KindVanished", "KindProgramLink", "KindNotProgram", "KindInterpreterHidden", "KindNoInterpreter", "KindLibrarySought", "KindReached"}
	for _, file := range []string{"../../isolate/kind.go", "table.go"} {
		names, values := kinds(t, file)
		for _, name := range names {
			r, ok := table()[values[name]]
			if ok == slices.Contains(none, name) || ok && r == (row{}) {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}

// What a command says of an error is the reason, and then what to do.
func TestReason(t *testing.T) {
	limit := &isolate.ExitError{Kind: isolate.KindReached, About: "memory", Limit: "the memory limit of 64M"}
	ownEnd := &isolate.ExitError{Status: 3 << 8}
	byDefault := &isolate.ExitError{Kind: isolate.KindDefault, About: "pids", Limit: "the process limit of 4096, the default"}
	for _, c := range []struct {
		err  error
		want string
	}{
		{limit, "ended at the memory limit of 64M (--memory)"},
		{byDefault, "ended at the process limit of 4096, the default; --pids none lifts it"},
		{ownEnd, "exit status 3"},
		{errors.New("any other"), "any other"},
		{fmt.Errorf("wrapped: %w", byDefault), "wrapped: ended at the process limit of 4096, the default; --pids none lifts it"},
		{&isolate.ExecError{Name: "x", Err: unix.ENOENT, Kind: isolate.KindProgramHidden, Path: "/a b/x", About: "/a b"},
			`run x: not found inside the sandbox; /a b/x is not visible inside; add 'ro:/a\ b' to --mount or MNTDIRS`},
		{&isolate.ExecError{Name: "./x", Err: unix.EACCES, Kind: isolate.KindNotExecutable, Path: "/a b/x"},
			"run ./x: permission denied; it is not executable: chmod +x '/a b/x'"},
		{&isolate.ExitError{Status: 127 << 8, Kind: isolate.KindLibrary, Library: "libx.so", About: "/opt/x"},
			"exit status 127; its library libx.so is in /opt/x, which is not visible inside; add ro:/opt/x to --mount or MNTDIRS"},
	} {
		got := Reason(c.err)
		if remedy := Isolate.For(c.err); remedy != "" {
			got += "; " + remedy
		}
		if got != c.want {
			t.Errorf("%q; want %q", got, c.want)
		}
	}

	if got := Limit(limit); got != "the memory limit of 64M (--memory)" {
		t.Error(got)
	}
	if got := Limit(byDefault); got != "the process limit of 4096, the default" {
		t.Error(got)
	}
}

// The way to a control group is that of the machine and of the user.
func TestGroup(t *testing.T) {
	for _, c := range []struct {
		command            Command
		hasSystemd, isRoot bool
		want               string
	}{
		{Isolate, true, false, "start it by: systemd-run --user --scope -p Delegate=yes COMMAND"},
		{Isolate, true, true, "start it by: systemd-run --scope -p Delegate=yes COMMAND"},
		{Isolate, false, true, "start it in a control group that you may write to, which without systemd an administrator makes"},
		{Kernel, true, false, "start Jupyter by: systemd-run --user --scope -p Delegate=yes jupyter lab"},
		{Kernelspec, false, false, "start Jupyter in a control group that you may write to, which without systemd an administrator makes"},
	} {
		if got := c.command.group(c.hasSystemd, c.isRoot); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestCaveat(t *testing.T) {
	memory := isolate.InForce{Limit: "memory", Value: "40M", By: "rlimit of each process"}
	pids := isolate.InForce{Limit: "pids", Value: "50", By: "rlimit"}
	if got := Isolate.caveat([]isolate.InForce{pids, memory}); got != "for each process by itself: --memory 40M, since no cgroup can be made here; "+Isolate.Group() {
		t.Error(got)
	}
	if got := Isolate.caveat([]isolate.InForce{pids}); got != "" {
		t.Error(got)
	}
}

func TestUnshown(t *testing.T) {
	const begin, end = "not shown, since an automounter mounts there whatever is looked for: ", "; name the directories below that the program needs"
	for _, c := range []struct{ places, want string }{
		{"", ""}, {"/a", begin + "/a" + end}, {"/a /b /c", begin + "/a, /b, /c" + end}, {"/a /b /c /d /e", begin + "/a, /b, /c, 2 more" + end},
	} {
		if got := unshown(strings.Fields(c.places)); got != c.want {
			t.Errorf("%s: %q", c.places, got)
		}
	}
}
