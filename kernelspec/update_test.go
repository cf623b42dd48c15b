package kernelspec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUpdateOfNothingChangesNothing(t *testing.T) {
	j, twin, _ := installed(t, Options{Sandbox: sandbox("--network host --mount ro:/srv --env A=b --memory 2G"), DisplayName: "Mine"})
	if _, err := Update(t.Context(), twin, j, Options{Launcher: "/bin/true"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(twin, again(t, j)); diff != "" {
		t.Errorf("before - after +:\n%s", diff)
	}
}

// The base gets another command, variable and logo, and loses a variable; a
// person has changed the twin in every place that a person would.
func TestUpdateKeepsWhatAPersonChanged(t *testing.T) {
	j, twin, baseDir := installed(t, Options{Sandbox: sandbox("--mount ro:/srv")})
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
	if _, err := Update(t.Context(), twin, j, Options{Launcher: "/bin/sh"}); err != nil {
		t.Fatal(err)
	}
	j.launcher = "/bin/sh"
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
			result, err := Install(t.Context(), base, environments[0], Options{Launcher: "/bin/true"}, Place{User: true})
			if err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				c.spoil(t, filepath.Join(root, "first"))
			}

			second := environments[1]
			second.specs["base-isolated"] = found{Dir: result.Dir}
			twin := again(t, second)
			if kernel := twin.Spec.Command().Kernel; kernel[0] != filepath.Join(root, c.before) {
				t.Fatalf("made with %s", kernel[0])
			}

			result, err = Update(t.Context(), twin, second, Options{Launcher: "/bin/true"})
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
			if kernel := again(t, second).Spec.Command().Kernel; kernel[0] != filepath.Join(root, c.after) {
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

// What an update adds stays, and isn't added twice.
func TestUpdateAddsOptions(t *testing.T) {
	j, twin, _ := installed(t, Options{Sandbox: sandbox("--mount ro:/srv --memory 2G")})
	gone := filepath.Join(t.TempDir(), "gone")
	for _, added := range []string{"--mount ro:/srv --mount ro:/opt --env A", "--mount ro:/opt --memory 4G --mount " + gone, ""} {
		result, err := Update(t.Context(), twin, j, Options{Launcher: "/bin/true", Sandbox: sandbox(added)})
		if err != nil {
			t.Fatal(err)
		}
		if noted := strings.Contains(strings.Join(result.Notes, "\n"), gone+" does not exist"); noted != !strings.HasSuffix(added, "A") {
			t.Errorf("%s: noted %q", added, result.Notes)
		}
		twin = again(t, j)
	}
	want := strings.Fields("--mount ro:/srv --env OMP_NUM_THREADS --mount ro:/opt --env A --memory 4G --mount " + gone)
	if diff := cmp.Diff(want, twin.Spec.Command().Options.Words()); diff != "" {
		t.Errorf("want - got +:\n%s", diff)
	}
}
