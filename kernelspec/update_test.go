package kernelspec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// installed installs a twin of plainSpec and returns what Jupyter would find.
func installed(t *testing.T, o Options) (*Jupyter, *Twin, string) {
	t.Helper()
	j, dir := jupyterWith(t, "base", plainSpec)
	o.Launcher = "/bin/true"
	base, err := j.Find("base")
	if err != nil {
		t.Fatal(err)
	}
	result, err := Install(base, j, o, Place{})
	if err != nil {
		t.Fatal(err)
	}
	j.specs[result.Name] = found{Dir: result.Dir}
	return j, again(t, j), dir
}

func again(t *testing.T, j *Jupyter) *Twin {
	t.Helper()
	twin, err := j.FindTwin("base-isolated")
	if err != nil {
		t.Fatal(err)
	}
	return twin
}

func writeSpec(t *testing.T, dir string, spec Spec) {
	t.Helper()
	data, err := spec.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kernel.json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestUpdateOfNothingChangesNothing(t *testing.T) {
	j, twin, _ := installed(t, Options{Network: "host", Mounts: []string{"ro:/srv"}, Env: []string{"A=b"}, Launch: []string{"--memory", "2G"}, DisplayName: "Mine"})
	if _, err := Update(twin, j, "/bin/true"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(twin, again(t, j)); diff != "" {
		t.Errorf("before - after +:\n%s", diff)
	}
}

// The base gets another command, variable and logo, and loses a variable; a
// person has changed the twin in every place that a person would.
func TestUpdateKeepsWhatAPersonChanged(t *testing.T) {
	j, twin, baseDir := installed(t, Options{Mounts: []string{"ro:/srv"}})
	mine := twin.Spec
	mine["display_name"] = "Mine"
	mine.object("env")["MNTDIRS"] = "ro:."
	mine.object("env")["MNTDIRS_KERNEL"] = mine.object("env")["MNTDIRS_KERNEL"].(string) + ` ro,try:/my\ data`
	mine.object("metadata")["colour"] = "red"
	mine["argv"] = anySlice(slices.Insert(mine.Argv(), 1, "--memory", "1G"))
	writeSpec(t, twin.Dir, mine)

	base, err := parseSpec([]byte(plainSpec))
	if err != nil {
		t.Fatal(err)
	}
	base["argv"] = []any{"/usr/bin/python3", "-X", "dev", "-m", "ipykernel_launcher", "-f", "{connection_file}"}
	base["env"] = map[string]any{"NEW": "1"}
	base["display_name"] = "Python 4"
	base["interrupt_mode"] = "message"
	writeSpec(t, baseDir, base)
	os.WriteFile(filepath.Join(baseDir, "logo.svg"), []byte("new"), 0o644)

	twin = again(t, j)
	if twin.State != BaseChanged {
		t.Errorf("state %q before the update", twin.State)
	}
	if _, err := Update(twin, j, "/bin/sh"); err != nil {
		t.Fatal(err)
	}
	twin = again(t, j)
	want := []string{"/bin/sh", "--memory", "1G", "--mount", "ro:/srv", "--env", "NEW", "--",
		"/usr/bin/python3", "-X", "dev", "-m", "ipykernel_launcher", "-f", "{connection_file}"}
	if diff := cmp.Diff(want, twin.Spec.Argv()); diff != "" {
		t.Errorf("argv, want - got +:\n%s", diff)
	}
	env := twin.Spec.object("env")
	_, gone := env["OMP_NUM_THREADS"]
	if gone || env["NEW"] != "1" || env["MNTDIRS"] != "ro:." || !strings.HasSuffix(env["MNTDIRS_KERNEL"].(string), ` ro,try:/my\ data`) {
		t.Errorf("env is %v", env)
	}
	if twin.Display != "Mine" || twin.Spec["interrupt_mode"] != "message" || twin.Spec.object("metadata")["colour"] != "red" {
		t.Errorf("spec is %v", twin.Spec)
	}
	if twin.State != OK || twin.Limits["memory"] != "1G" {
		t.Errorf("state %q, limits %v after the update", twin.State, twin.Limits)
	}
}

func TestState(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(t *testing.T, twin *Twin, base string)
		want  State
	}{
		{"untouched", func(*testing.T, *Twin, string) {}, OK},
		{"edited by hand", func(t *testing.T, twin *Twin, _ string) {
			twin.Spec["display_name"] = "x"
			writeSpec(t, twin.Dir, twin.Spec)
		}, OK},
		{"a new logo", func(_ *testing.T, _ *Twin, base string) {
			os.WriteFile(filepath.Join(base, "logo.svg"), nil, 0o644)
		}, BaseChanged},
		{"no base", func(_ *testing.T, _ *Twin, base string) { os.RemoveAll(base) }, BaseGone},
		{"no launcher", func(t *testing.T, twin *Twin, _ string) {
			twin.Spec["argv"].([]any)[0] = "/no/launcher"
			writeSpec(t, twin.Dir, twin.Spec)
		}, LauncherGone},
		{"no interpreter", func(t *testing.T, twin *Twin, _ string) {
			argv := twin.Spec.Argv()
			argv[slices.Index(argv, "--")+1] = "/no/python"
			twin.Spec["argv"] = anySlice(argv)
			writeSpec(t, twin.Dir, twin.Spec)
		}, InterpreterGone},
		{"no source of a mount", mounting("/no/data"), MountMissing},
		{"no source of a mount shown elsewhere", mounting("--mount=/data=/no/data"), MountMissing},
		{"no source of one that may be missing", mounting("ro,try:/no/data"), OK},
		{"nothing in place of something", mounting("/no/data=none"), OK},
		{"a source beside the notebook", mounting("ro:no-data"), OK},
		{"no directory to work in", func(t *testing.T, twin *Twin, _ string) {
			twin.Spec.object("env")["MNTDIRS"] = ". ~/no-such-directory"
			writeSpec(t, twin.Dir, twin.Spec)
		}, MountMissing},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			j, twin, base := installed(t, Options{})
			c.spoil(t, twin, base)
			if got := again(t, j).State; got != c.want {
				t.Errorf("state %q, want %q", got, c.want)
			}
		})
	}
}

// A twin that replaces another is told of what that one had and it hasn't.
func TestInstallSaysWhatItDrops(t *testing.T) {
	cases := []struct {
		name       string
		had, fresh Options
		byHand     func(Spec)
		want       string // "" for nothing
	}{
		{"nothing", Options{}, Options{}, func(Spec) {}, ""},
		{"the same", Options{Mounts: []string{"ro:/usr"}, Env: []string{"A"}, DisplayName: "Mine"},
			Options{Mounts: []string{"ro:/usr"}, Env: []string{"A"}, DisplayName: "Mine"}, func(Spec) {}, ""},
		{"another limit", Options{Launch: []string{"--memory", "500M"}}, Options{Launch: []string{"--memory", "1G"}}, func(Spec) {}, ""},
		{"options", Options{Network: "host", Mounts: []string{"ro:/usr /bin"}, Env: []string{"A=b"}, DisplayName: "Mine", Launch: []string{"--memory", "500M", "--allow-symlinks"}},
			Options{Mounts: []string{"/bin"}}, func(Spec) {},
			"--network host --mount 'ro:/usr /bin' --env A=b --memory 500M --allow-symlinks --display-name Mine"},
		{"changes by hand", Options{}, Options{}, func(s Spec) {
			env := s.object("env")
			env["MNTDIRS"], env["MNTDIRS_KERNEL"] = ". /bin", env["MNTDIRS_KERNEL"].(string)+" ro:/sbin"
			s["interrupt_mode"] = "message"
			s["argv"] = anySlice(append(s.Argv(), "--debug"))
		}, "MNTDIRS='. /bin' MNTDIRS_KERNEL=ro:/sbin its own command its own interrupt_mode"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			j, twin, _ := installed(t, c.had)
			c.byHand(twin.Spec)
			writeSpec(t, twin.Dir, twin.Spec)
			base, err := j.Find("base")
			if err != nil {
				t.Fatal(err)
			}
			c.fresh.Launcher = "/bin/true"
			result, err := Install(base, j, c.fresh, Place{})
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			if c.want != "" {
				want = []string{"it had " + c.want + "; isolate-kernelspec update keeps them"}
			}
			if diff := cmp.Diff(want, result.Notes); diff != "" {
				t.Errorf("want - got +:\n%s", diff)
			}
		})
	}
}

// mounting adds --mount to a twin's options.
func mounting(entry string) func(t *testing.T, twin *Twin, base string) {
	options := []string{"--mount", entry}
	if strings.HasPrefix(entry, "-") {
		options = []string{entry}
	}
	return func(t *testing.T, twin *Twin, _ string) {
		twin.Spec["argv"] = anySlice(slices.Insert(twin.Spec.Argv(), 1, options...))
		writeSpec(t, twin.Dir, twin.Spec)
	}
}

// Installs at once each write a whole spec, and one of them stays.
func TestInstallsAtOnce(t *testing.T) {
	j, dir := jupyterWith(t, "base", plainSpec)
	os.WriteFile(filepath.Join(dir, "logo.svg"), []byte("logo"), 0o644)
	base, err := j.Find("base")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 3 {
				if _, err := Install(base, j, Options{Launcher: "/x"}, Place{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if _, err := readSpec(filepath.Join(dir+"-isolated", "kernel.json")); err != nil {
		t.Error(err)
	}
	if logo, err := os.ReadFile(filepath.Join(dir+"-isolated", "logo.svg")); string(logo) != "logo" {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(dir)), ".isolate-*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestAnotherKernelIsNotReplaced(t *testing.T) {
	j, dir := jupyterWith(t, "base", plainSpec)
	other := filepath.Join(filepath.Dir(dir), "other")
	os.Mkdir(other, 0o755)
	os.WriteFile(filepath.Join(other, "kernel.json"), []byte(plainSpec), 0o644)
	base, err := j.Find("base")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Install(base, j, Options{Name: "other", Launcher: "/x"}, Place{}); err == nil || !strings.Contains(err.Error(), "another kernel") {
		t.Errorf("%v", err)
	}
	if text, _ := os.ReadFile(filepath.Join(other, "kernel.json")); string(text) != plainSpec {
		t.Error("it was changed")
	}
}

func TestRemove(t *testing.T) {
	j, twin, base := installed(t, Options{})
	if _, err := j.FindTwin("base"); err == nil || Remedy(err) == "" {
		t.Errorf("a plain kernel is taken for an isolated one: %v", err)
	}
	if err := Remove(twin); err != nil {
		t.Fatal(err)
	}
	var left []string
	filepath.WalkDir(filepath.Dir(filepath.Dir(base)), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			left = append(left, path)
		}
		return nil
	})
	if diff := cmp.Diff([]string{filepath.Join(base, "kernel.json")}, left); diff != "" {
		t.Errorf("want - got +:\n%s", diff)
	}
}

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

// An update keeps the Python that a bare name meant, whichever Jupyter is
// active.
func TestUpdateKeepsTheInterpreter(t *testing.T) {
	cases := []struct {
		name           string
		base           string // below the first environment
		before         string // the interpreter of the twin
		spoil          func(t *testing.T, first string)
		after, changed string
	}{
		{"an environment's", "share/jupyter/kernels/base", "first/bin/python", nil, "first/bin/python", ""},
		{"one of python3 only", "share/jupyter/kernels/base", "first/bin/python", func(t *testing.T, first string) {
			if err := os.Rename(first+"/bin/python", first+"/bin/python3"); err != nil {
				t.Fatal(err)
			}
		}, "first/bin/python3", "first/bin/python3"},
		{"an environment's by another of its names", "share/jupyter/kernels/base", "first/bin/python3.99", nil, "first/bin/python3.99", ""},
		{"every environment's", "user/kernels/base", "first/bin/python", nil, "first/bin/python", ""},
		{"of an environment that is gone", "user/kernels/base", "first/bin/python", func(t *testing.T, first string) {
			if err := os.RemoveAll(first + "/bin"); err != nil {
				t.Fatal(err)
			}
		}, "second/bin/python", "second/bin/python"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			var environments []*Jupyter
			for _, name := range []string{"first", "second"} {
				prefix := filepath.Join(root, name)
				if err := os.MkdirAll(prefix+"/bin", 0o755); err != nil {
					t.Fatal(err)
				}
				for _, link := range []string{"python", "python3.99"} {
					if err := os.Symlink("/usr/bin/python3", filepath.Join(prefix, "bin", link)); err != nil {
						t.Fatal(err)
					}
				}
				environments = append(environments, &Jupyter{
					Executable: prefix + "/bin/python", Prefix: prefix, DataDir: filepath.Join(root, "first/user"), specs: map[string]found{},
				})
			}
			dir := filepath.Join(root, "first", c.base)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(dir+"/kernel.json", []byte(plainSpec), 0o644); err != nil {
				t.Fatal(err)
			}
			environments[0].Executable = filepath.Join(root, c.before)
			base := &Kernel{Name: "base", Dir: dir, Spec: mustParse(t, plainSpec)}
			result, err := Install(base, environments[0], Options{Launcher: "/bin/true"}, Place{User: true})
			if err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				c.spoil(t, filepath.Join(root, "first"))
			}
			second := environments[1]
			second.specs["base-isolated"] = found{Dir: result.Dir}
			twin := again(t, second)
			if _, _, kernel := splitCommand(twin.Spec.Argv()); kernel[0] != filepath.Join(root, c.before) {
				t.Fatalf("made with %s", kernel[0])
			}
			result, err = Update(twin, second, "/bin/true")
			if err != nil {
				t.Fatal(err)
			}
			var notes []string
			if c.changed != "" {
				notes = []string{"its interpreter changes from " + filepath.Join(root, c.before) + " to " + filepath.Join(root, c.changed)}
			}
			if diff := cmp.Diff(notes, result.Notes); diff != "" {
				t.Errorf("notes, want - got +:\n%s", diff)
			}
			if _, _, kernel := splitCommand(again(t, second).Spec.Argv()); kernel[0] != filepath.Join(root, c.after) {
				t.Errorf("updated to %s, want %s", kernel[0], c.after)
			}
		})
	}
}

func mustParse(t *testing.T, text string) Spec {
	t.Helper()
	spec, err := parseSpec([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}
