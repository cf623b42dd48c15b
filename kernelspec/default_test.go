package kernelspec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// contents are the files below a directory, by their paths.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			files[strings.TrimPrefix(path, dir)] = string(data)
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// places are the two directories of kernels that Jupyter searches in a test: the
// user's first, and then the one with the base.
func places(t *testing.T) (j *Jupyter, user, base string) {
	t.Helper()
	j, base = jupyterWith(t, "base", plainSpec)
	user = filepath.Join(j.DataDir, "kernels")
	j.Path = []string{user, filepath.Dir(base)}
	if err := os.WriteFile(filepath.Join(base, "logo.svg"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return j, user, base
}

// find looks for kernels as Jupyter does.
func (j *Jupyter) find() {
	j.specs = map[string]found{}
	for _, kernels := range slices.Backward(j.Path) {
		entries, _ := os.ReadDir(kernels)
		for _, entry := range entries {
			j.specs[entry.Name()] = found{Dir: filepath.Join(kernels, entry.Name())}
		}
	}
}

func installDefault(t *testing.T, j *Jupyter, o Options, p Place) *Twin {
	t.Helper()
	base, err := j.FindPlain("base")
	if err != nil {
		t.Fatal(err)
	}
	o.Default, o.Launcher = true, "/bin/true"
	if _, err := Install(t.Context(), base, j, o, p); err != nil {
		t.Fatal(err)
	}
	j.find()
	twin, err := j.FindTwin("base")
	if err != nil {
		t.Fatal(err)
	}
	return twin
}

// The name starts the twin, another one the plain kernel, wherever it lies. Removing
// it leaves everything as it was.
func TestDefault(t *testing.T) {
	for name, place := range map[string]Place{"before the base": {}, "in its place": {SysPrefix: true}} {
		t.Run(name, func(t *testing.T) {
			j, _, base := places(t)
			before := contents(t, j.Prefix)
			twin := installDefault(t, j, Options{Sandbox: sandbox("--memory 1G")}, place)
			if !isTwin(twin.Spec) || twin.State != OK || twin.Base != "base" || twin.BaseDir != base {
				t.Errorf("%+v", twin)
			}
			plain, err := j.Find(twin.Plain)
			if err != nil || isTwin(plain.Spec) || plain.Spec.Argv()[1] != "-m" || !filepath.IsAbs(plain.Spec.Argv()[0]) ||
				plain.Spec.text("display_name") != "Python 3 (plain, not isolated)" {
				t.Errorf("%v, %v", plain, err)
			}
			if names := j.Names(); len(names) != 0 {
				t.Errorf("--all would install %v", names)
			}

			again := installDefault(t, j, Options{}, place)
			updated, err := Update(t.Context(), again, j, Options{Launcher: "/bin/true"})
			if err != nil || again.Plain != twin.Plain || updated.Plain != twin.Plain || updated.Dir != twin.Dir {
				t.Errorf("%+v, %+v, %v", again, updated, err)
			}
			if err := Remove(again); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, contents(t, j.Prefix)); diff != "" {
				t.Errorf("want - got +:\n%s", diff)
			}
		})
	}
}

// Nobody who writes a notebook knows the plain kernel's name.
func TestPlainName(t *testing.T) {
	one, other := plainName(&Kernel{Name: "base"}, "/no"), plainName(&Kernel{Name: "base"}, "/no")
	if one == other || !validName.MatchString(one) || len(one) < len("base-plain-")+10 {
		t.Errorf("%s, %s", one, other)
	}
}

// A place that Jupyter searches later, or never, is refused, and so are other
// combinations that can't be had.
func TestDefaultRefused(t *testing.T) {
	j, _, _ := places(t)
	j.Path = append(j.Path, "/late/share/jupyter/kernels")
	base, err := j.Find("base")
	if err != nil {
		t.Fatal(err)
	}
	plain := &Kernel{Name: "p", Dir: base.Dir, Spec: Spec{"metadata": map[string]any{plainKey: map[string]any{}}}}
	cases := []struct {
		name  string
		base  *Kernel
		o     Options
		place Place
		want  string
	}{
		{"a later place", base, Options{}, Place{Prefix: "/late"}, "would not find base in /late/share/jupyter/kernels"},
		{"a place that isn't searched", base, Options{}, Place{Prefix: "/other"}, "would not find base in /other/"},
		{"another name", base, Options{Name: "x"}, Place{}, "--name and --default"},
		{"the plain kernel", plain, Options{}, Place{}, "plain kernel beside a twin"},
	}
	for _, c := range cases {
		c.o.Default, c.o.Launcher = true, "/bin/true"
		if _, err := Install(t.Context(), c.base, j, c.o, c.place); err == nil || !strings.Contains(err.Error(), c.want) || Remedy(err) == "" {
			t.Errorf("%s: %v", c.name, err)
		}
	}

	if err := os.Symlink(base.Dir, filepath.Join(filepath.Dir(base.Dir), "link")); err != nil {
		t.Fatal(err)
	}
	j.find()
	linked, err := j.Find("link")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Install(t.Context(), linked, j, Options{Default: true, Launcher: "/bin/true"}, Place{SysPrefix: true}); err == nil {
		t.Error("a link was taken over")
	}
}

// A package that brings its kernel again puts it over the twin. That is said, and an
// update keeps the twin's options.
func TestPlainKernelFirst(t *testing.T) {
	j, _, base := places(t)
	twin := installDefault(t, j, Options{Sandbox: sandbox("--memory 1G")}, Place{SysPrefix: true})
	newer := strings.Replace(plainSpec, "OMP_NUM_THREADS", "NEWER", 1)
	if err := os.WriteFile(filepath.Join(base, "kernel.json"), []byte(newer), 0o644); err != nil {
		t.Fatal(err)
	}

	all := j.Twins()
	if len(all) != 1 || all[0].State != PlainFirst || all[0].Faults[0] != base || j.remedy(all[0]) != "isolate-kernelspec update base" || all[0].State.Starts() {
		t.Fatalf("%+v", all)
	}
	if _, err := Update(t.Context(), all[0], j, Options{Launcher: "/bin/true"}); err != nil {
		t.Fatal(err)
	}
	now, err := j.FindTwin("base")
	if err != nil || now.State != OK || now.Limits["memory"] != "1G" || now.Plain != twin.Plain || now.Spec.Env()["NEWER"] == "" {
		t.Errorf("%+v, %v", now, err)
	}

	// Removed while the plain kernel is there, that stays.
	if err := os.WriteFile(filepath.Join(base, "kernel.json"), []byte(newer), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Remove(j.Twins()[0]); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"/kernel.json": newer, "/logo.svg": ""}, contents(t, base)); diff != "" {
		t.Errorf("want - got +:\n%s", diff)
	}
}

// An environment may be moved, or reached by another path, after its kernel's directory
// was taken over.
func TestTakenOverByAnotherPath(t *testing.T) {
	for name, move := range map[string]func(from, to string) error{"moved": os.Rename, "by a link": os.Symlink} {
		t.Run(name, func(t *testing.T) {
			j, _, base := places(t)
			before := contents(t, base)
			installDefault(t, j, Options{Sandbox: sandbox("--memory 1G")}, Place{SysPrefix: true})
			prefix := filepath.Join(t.TempDir(), "other")
			if err := move(j.Prefix, prefix); err != nil {
				t.Fatal(err)
			}
			j.Prefix, j.Path = prefix, []string{filepath.Join(prefix, "share/jupyter/kernels")}
			j.find()

			twin, err := j.FindTwin("base")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Update(t.Context(), twin, j, Options{Launcher: "/bin/true"}); err != nil {
				t.Fatal(err)
			}
			twin, err = j.FindTwin("base")
			if err != nil || twin.Limits["memory"] != "1G" {
				t.Fatalf("%+v, %v", twin, err)
			}
			if err := Remove(twin); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, contents(t, filepath.Join(j.Path[0], "base"))); diff != "" {
				t.Errorf("want - got +:\n%s", diff)
			}
		})
	}
}

// A kernel of that name in a directory that is searched earlier is said, too.
func TestPlainKernelInAnEarlierPlace(t *testing.T) {
	j, user, base := places(t)
	installDefault(t, j, Options{}, Place{SysPrefix: true})
	writeTree(t, filepath.Join(user, "base"), plainSpec)
	j.find()
	twin, err := j.FindTwin("base")
	if err != nil || twin.Dir != base || twin.State != PlainFirst || !strings.Contains(j.remedy(twin), "install base --default") {
		t.Errorf("%+v, %v", twin, err)
	}
}

// A twin beside its base keeps it when another takes the base's place.
func TestBaseOfATwinBesideADefaultOne(t *testing.T) {
	for name, place := range map[string]Place{"before the base": {}, "in its place": {SysPrefix: true}} {
		t.Run(name, func(t *testing.T) {
			j, _, base := places(t)
			k, err := j.Find("base")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Install(t.Context(), k, j, Options{Launcher: "/bin/true"}, Place{}); err != nil {
				t.Fatal(err)
			}
			installDefault(t, j, Options{}, place)
			beside := again(t, j)
			if beside.State != OK {
				t.Errorf("%s: %v", beside.State, beside.Faults)
			}
			if k, err := j.Base(beside); err != nil || k.Dir != base || isTwin(k.Spec) {
				t.Errorf("%+v, %v", k, err)
			}
		})
	}
}

// What a record says of a plain kernel is looked at: it may be somebody else's.
func TestHostileRecord(t *testing.T) {
	j, _, base := places(t)
	twin := installDefault(t, j, Options{}, Place{SysPrefix: true})
	other := filepath.Join(filepath.Dir(base), "other")
	writeTree(t, other, plainSpec)
	for _, name := range []string{"../..", "..", "other"} {
		hostile := &record{Plain: name, Twin: twin.Spec}
		if got := hostile.isDefault(); got != (name == "other") {
			t.Errorf("%s: %v", name, got)
		}
	}
	twin.Plain = "other"
	if err := Remove(twin); err != nil {
		t.Fatal(err)
	}
	if !hasKernel(other) {
		t.Error("removed another kernel")
	}
}

func writeTree(t *testing.T, dir, spec string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kernel.json"), []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
}
