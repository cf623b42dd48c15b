package kernelspec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// debugged returns a kernel whose Python finds a copy of debugpy in each of the
// directories of root.
func debugged(t *testing.T, root string, dirs ...string) (*Jupyter, *Kernel) {
	t.Helper()
	for i, dir := range dirs {
		dirs[i] = filepath.Join(root, dir)
		put(t, filepath.Join(dirs[i], "debugpy/__init__.py"), "")
	}
	put(t, filepath.Join(root, "lib/ipykernel_launcher.py"), "")
	spec, err := json.Marshal(map[string]any{
		"argv":         []string{"/usr/bin/python3", "-m", "ipykernel_launcher", "{connection_file}"},
		"display_name": "X", "language": "python", "metadata": map[string]any{"debugger": true},
		"env": map[string]any{"PYTHONPATH": strings.Join(append(dirs, filepath.Join(root, "lib")), ":")},
	})
	if err != nil {
		t.Fatal(err)
	}
	j, _ := jupyterWith(t, "base", string(spec))
	base, err := j.Find("base")
	if err != nil {
		t.Fatal(err)
	}
	return j, base
}

// twinWithout installs the twin of base without its debugger.
func twinWithout(t *testing.T, j *Jupyter, base *Kernel) (*Twin, []string) {
	t.Helper()
	result, err := Install(t.Context(), base, j, Options{Launcher: "/bin/true", NoDebugger: true}, Place{})
	if err != nil {
		t.Fatal(err)
	}
	j.specs[result.Name] = found{Dir: result.Dir}
	return again(t, j), result.Notes
}

// masks returns what a twin's own entries mask, below root.
func masks(twin *Twin, root string) (below []string) {
	for _, path := range maskedBy(twin.Spec) {
		if rest, ok := strings.CutPrefix(path, root+"/"); ok {
			below = append(below, rest)
		}
	}
	slices.Sort(below)
	return below
}

// Python takes the next copy of a package if the first isn't there.
func TestEachCopyOfTheDebuggerIsMasked(t *testing.T) {
	cases := []struct {
		name string
		dirs []string
		make func(t *testing.T, root string)
		want []string
	}{
		{"one", []string{"site"}, nil, []string{"site/debugpy"}},
		{"one of the user's and one of the environment's", []string{"user", "site"}, nil, []string{"site/debugpy", "user/debugpy"}},
		{"a directory that is no package yet", []string{"site"}, func(t *testing.T, root string) {
			os.Remove(root + "/site/debugpy/__init__.py")
		}, []string{"site/debugpy"}},
		{"a link into a store of packages", []string{"site"}, func(t *testing.T, root string) {
			if err := os.Rename(root+"/site/debugpy", root+"/lib/debugpy-1.8"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("../lib/debugpy-1.8", root+"/site/debugpy"); err != nil {
				t.Fatal(err)
			}
		}, []string{"lib/debugpy-1.8"}},
		{"without the working directory in sys.path", []string{"site", "more"}, func(t *testing.T, root string) {
			t.Setenv("PYTHONSAFEPATH", "1")
		}, []string{"more/debugpy", "site/debugpy"}},
		{"a name with a space", []string{"my site"}, nil, []string{"my site/debugpy"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			j, base := debugged(t, root, c.dirs...)
			if c.make != nil {
				c.make(t, root)
			}
			twin, notes := twinWithout(t, j, base)
			if diff := cmp.Diff(c.want, masks(twin, root)); diff != "" {
				t.Errorf("masked, want - got +:\n%s", diff)
			}
			if !twin.NoDebugger || twin.Spec.object("metadata")["debugger"] != false || notes != nil {
				t.Errorf("%v, notes %q", twin.Spec, notes)
			}
		})
	}
}

func TestNoDebuggerToLeaveOut(t *testing.T) {
	cases := []struct{ name, spec, note, refusal string }{
		{"a Python without it", `["` + venv(t, t.TempDir()) + `", "-m", "ipykernel_launcher", "{connection_file}"]`, "bin/python3 has no debugpy", ""},
		{"another language", `["/bin/sh", "{connection_file}"]`, "base has no debugger that could be left out: /bin/sh is no Python", ""},
		{"another language's debugger", `["/bin/sh", "{connection_file}"], "metadata": {"debugger": true}`, "", "base has a debugger that can't be left out: /bin/sh is no Python"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			j, _ := jupyterWith(t, "base", `{"argv": `+c.spec+`, "display_name": "X", "language": "x"}`)
			base, err := j.Find("base")
			if err != nil {
				t.Fatal(err)
			}
			result, err := Install(t.Context(), base, j, Options{Launcher: "/bin/true", NoDebugger: true}, Place{})
			if c.refusal != "" {
				if err == nil || err.Error() != c.refusal || Remedy(err) == "" {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || !slices.ContainsFunc(result.Notes, func(note string) bool { return strings.Contains(note, c.note) }) {
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
}

// What is installed after the twin was made is said, until an update masks it.
func TestDebuggerInstalledLater(t *testing.T) {
	root := t.TempDir()
	j, base := debugged(t, root, "site")
	twin, _ := twinWithout(t, j, base)
	j.Inspect(twin)
	if twin.State != OK {
		t.Fatalf("the control: %s %v", twin.State, twin.Faults)
	}

	put(t, root+"/lib/debugpy/__init__.py", "")
	twin = again(t, j)
	j.Inspect(twin)
	detail, remedy := j.Explain(twin)
	if detail != "debugger shown: "+root+"/lib/debugpy" || remedy != "isolate-kernelspec update base-isolated" || !twin.State.Starts() {
		t.Errorf("%s; %s", detail, remedy)
	}
	if _, err := Update(t.Context(), twin, j, Options{Launcher: "/bin/true"}); err != nil {
		t.Fatal(err)
	}
	twin = again(t, j)
	if diff := cmp.Diff([]string{"lib/debugpy", "site/debugpy"}, masks(twin, root)); diff != "" {
		t.Errorf("masked, want - got +:\n%s", diff)
	}

	// A person who shows it again means that.
	env := twin.Spec.object("env")
	env["MNTDIRS_KERNEL"] = strings.Replace(env["MNTDIRS_KERNEL"].(string), root+"/lib/debugpy=none", "", 1)
	writeSpec(t, twin.Dir, twin.Spec)
	twin = again(t, j)
	j.Inspect(twin)
	if twin.State != OK {
		t.Errorf("after a change by hand: %s %v", twin.State, twin.Faults)
	}
}

// An update leaves the debugger out of a twin that had one; install gives it back, and
// says so.
func TestDebuggerLeftOutByUpdate(t *testing.T) {
	root := t.TempDir()
	j, base := debugged(t, root, "site")
	result, err := Install(t.Context(), base, j, Options{Launcher: "/bin/true"}, Place{})
	if err != nil {
		t.Fatal(err)
	}
	j.specs[result.Name] = found{Dir: result.Dir}
	twin := again(t, j)
	if twin.NoDebugger || masks(twin, root) != nil || twin.Spec.object("metadata")["debugger"] != true {
		t.Fatalf("the control: %v", twin.Spec)
	}

	if _, err := Update(t.Context(), twin, j, Options{Launcher: "/bin/true", NoDebugger: true}); err != nil {
		t.Fatal(err)
	}
	twin = again(t, j)
	if !twin.NoDebugger || len(masks(twin, root)) != 1 || twin.Spec.object("metadata")["debugger"] != false {
		t.Errorf("after the update: %v", twin.Spec)
	}

	result, err = Install(t.Context(), base, j, Options{Launcher: "/bin/true"}, Place{})
	if err != nil || len(result.Notes) != 1 || result.Notes[0] != "it had --no-debugger; isolate-kernelspec update keeps them" {
		t.Errorf("%+v, %v", result, err)
	}
}

// Without a twin it is the same, but for what front ends read in the kernel's own spec.
func TestWrapWithoutDebugger(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	root := t.TempDir()
	_, base := debugged(t, root, "site")
	for _, without := range []bool{false, true, false} { // the last from the memo
		start, err := Wrap(t.Context(), base, Options{Launcher: "/bin/true", NoDebugger: without})
		if err != nil {
			t.Fatal(err)
		}
		if masked := strings.Contains(start.Env["MNTDIRS_KERNEL"], root+"/site/debugpy=none"); masked != without || len(start.Notes) > 0 != without {
			t.Errorf("%v: %+v", without, start)
		}
	}
}
