package kernelspec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
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
	result, err := Install(t.Context(), base, j, o, Place{})
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
		{"a launcher of the same name", func(t *testing.T, twin *Twin, _ string) {
			other := filepath.Join(t.TempDir(), "true")
			put(t, other, "#!/bin/sh\n")
			twin.Spec["argv"].([]any)[0] = other
			writeSpec(t, twin.Dir, twin.Spec)
		}, AnotherLauncher},
		{"a copy of the launcher", func(t *testing.T, twin *Twin, _ string) {
			text, err := os.ReadFile("/bin/true")
			if err != nil {
				t.Fatal(err)
			}
			copied := filepath.Join(t.TempDir(), "launcher")
			put(t, copied, string(text))
			twin.Spec["argv"].([]any)[0] = copied
			writeSpec(t, twin.Dir, twin.Spec)
		}, OK},
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
