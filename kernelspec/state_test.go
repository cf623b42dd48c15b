package kernelspec

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// venv makes an environment of Python's whose Python says that it reads the
// directories in the file "reads" of it, and "broken" ends it.
func venv(t *testing.T, dir string) (python string) {
	t.Helper()
	const script = `#!/bin/sh
here=$(dirname "$0")/..
[ ! -e "$here/broken" ] || { echo "no encodings" >&2; exit 1; }
printf '{"paths": ["%s"' "$here"
while read -r dir; do printf ', "%s"' "$dir"; done <"$here/reads"
printf ']}'
`
	python = filepath.Join(dir, "bin/python3")
	for path, text := range map[string]string{python: script, filepath.Join(dir, "reads"): ""} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return python
}

// twinOf installs a twin of a kernel that runs a program.
func twinOf(t *testing.T, program string) (*Jupyter, *Twin) {
	t.Helper()
	spec := `{"argv": ["` + program + `", "-m", "x", "{connection_file}"], "display_name": "X", "language": "python"}`
	j, _ := jupyterWith(t, "base", spec)
	base, err := j.Find("base")
	if err != nil {
		t.Fatal(err)
	}
	result, err := Install(t.Context(), base, j, Options{Launcher: "/bin/true"}, Place{})
	if err != nil {
		t.Fatal(err)
	}
	j.specs[result.Name] = found{Dir: result.Dir}
	return j, again(t, j)
}

func TestInspect(t *testing.T) {
	cases := []struct {
		name   string
		spoil  func(t *testing.T, j *Jupyter, twin *Twin, env, elsewhere string)
		want   State
		fault  string // @ is elsewhere
		remedy string
	}{
		{"untouched", func(*testing.T, *Jupyter, *Twin, string, string) {}, OK, "", ""},
		{"a project that was installed to be edited in place", func(t *testing.T, _ *Jupyter, _ *Twin, env, elsewhere string) {
			put(t, env+"/reads", elsewhere+"\n")
		}, NeedsMore, "@", "isolate-kernelspec update base-isolated"},
		{"a project that the twin shows", func(t *testing.T, _ *Jupyter, twin *Twin, env, elsewhere string) {
			put(t, env+"/reads", elsewhere+"\n")
			twin.Spec.object("env")["MNTDIRS"] = ". " + filepath.Dir(elsewhere)
		}, OK, "", ""},
		{"what a person took out", func(t *testing.T, _ *Jupyter, twin *Twin, env, _ string) {
			entries := twin.Spec.object("env")["MNTDIRS_KERNEL"].(string)
			twin.Spec.object("env")["MNTDIRS_KERNEL"] = strings.Replace(entries, "ro,try:"+env, "ro,try:"+env+"/bin", 1)
		}, OK, "", ""},
		{"all that a person took out", func(t *testing.T, _ *Jupyter, twin *Twin, env, _ string) {
			twin.Spec.object("env")["MNTDIRS_KERNEL"] = ""
		}, InterpreterHidden, "/bin/python3", "add ro,try:"},
		{"an interpreter that fails", func(t *testing.T, _ *Jupyter, _ *Twin, env, _ string) {
			put(t, env+"/broken", "")
		}, InterpreterBroken, "no encodings", "install base again, then isolate-kernelspec update base-isolated"},
		{"another environment's kernel of the name", func(t *testing.T, j *Jupyter, _ *Twin, _, elsewhere string) {
			other := venv(t, elsewhere)
			put(t, elsewhere+"/share/jupyter/kernels/base/kernel.json", `{"argv": ["`+other+`", "{connection_file}"], "display_name": "X", "language": "python"}`)
			j.specs["base"] = found{Dir: elsewhere + "/share/jupyter/kernels/base"}
		}, OtherBase, "base runs @/bin/python3 here", "isolate-kernelspec install base"},
		{"that, and a project that was installed in its own", func(t *testing.T, j *Jupyter, _ *Twin, env, elsewhere string) {
			put(t, env+"/reads", filepath.Dir(elsewhere)+"\n")
			other := venv(t, elsewhere)
			put(t, elsewhere+"/share/jupyter/kernels/base/kernel.json", `{"argv": ["`+other+`", "{connection_file}"], "display_name": "X", "language": "python"}`)
			j.specs["base"] = found{Dir: elsewhere + "/share/jupyter/kernels/base"}
		}, NeedsMore, "base runs @/bin/python3 here", "isolate-kernelspec update base-isolated"},
		{"a command that a person changed", func(t *testing.T, j *Jupyter, twin *Twin, _, elsewhere string) {
			argv := twin.Spec.Argv()
			argv[slices.Index(argv, "--")+1] = venv(t, elsewhere)
			twin.Spec["argv"] = anySlice(argv)
			twin.Spec.object("env")["MNTDIRS"] = ". " + elsewhere
		}, OK, "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			env, elsewhere := filepath.Join(t.TempDir(), "env"), filepath.Join(t.TempDir(), "else where")
			elsewhere = strings.ReplaceAll(elsewhere, " ", "")
			if err := os.MkdirAll(elsewhere, 0o755); err != nil {
				t.Fatal(err)
			}
			j, twin := twinOf(t, venv(t, env))
			c.spoil(t, j, twin, env, elsewhere)
			writeSpec(t, twin.Dir, twin.Spec)

			twin = again(t, j)
			j.Inspect(twin)
			detail, remedy := j.Explain(twin)
			if twin.State != c.want || !strings.Contains(detail, strings.ReplaceAll(c.fault, "@", elsewhere)) {
				t.Errorf("%s, want %s", detail, c.want)
			}
			if !strings.HasPrefix(remedy, c.remedy) || (c.remedy == "") != (remedy == "") {
				t.Errorf("remedy %q", remedy)
			}
		})
	}
}

// A program whose libraries lie outside of what the twin shows starts no kernel.
func TestLibraryMissing(t *testing.T) {
	root := t.TempDir()
	program, library := filepath.Join(root, "env/bin/kernel"), filepath.Join(root, "libs/liba.so")
	linked(t, program, "/lib64/ld-linux-x86-64.so.2", map[elf.DynTag][]string{elf.DT_NEEDED: {"liba.so"}, elf.DT_RUNPATH: {filepath.Dir(library)}})
	linked(t, library, "", nil)
	j, twin := twinOf(t, program)
	if j.Inspect(twin); twin.State != OK {
		t.Errorf("as it was made: %s, %v", twin.State, twin.Faults)
	}

	entries := twin.Spec.object("env")["MNTDIRS_KERNEL"].(string)
	if !strings.Contains(entries, "ro,try:"+library) {
		t.Errorf("MNTDIRS_KERNEL is %s", entries)
	}
	twin.Spec.object("env")["MNTDIRS_KERNEL"] = strings.Replace(entries, "ro,try:"+library, "", 1)
	if j.Inspect(twin); twin.State != LibraryMissing || !slices.Equal(twin.Faults, []string{library}) {
		t.Errorf("without its library: %s, %v", twin.State, twin.Faults)
	}
	want := "add ro,try:" + library + " to MNTDIRS_KERNEL in " + twin.Dir + "/kernel.json"
	if _, remedy := j.Explain(twin); remedy != want {
		t.Errorf("remedy %q, want %q", remedy, want)
	}

	// LD_LIBRARY_PATH with another copy of a library that the base system has.
	linked(t, program, "/lib64/ld-linux-x86-64.so.2", map[elf.DynTag][]string{elf.DT_NEEDED: {"libc.so.6"}})
	linked(t, filepath.Join(root, "libs/libc.so.6"), "", nil)
	twin.Spec.object("env")["LD_LIBRARY_PATH"] = filepath.Join(root, "libs")
	twin.State, twin.Faults = OK, nil
	if j.Inspect(twin); twin.State != OK {
		t.Errorf("with another copy of libc: %s, %v", twin.State, twin.Faults)
	}
}

func TestBase(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(t *testing.T, j *Jupyter, dir string)
		want  string // a part of the base's directory, or of the error
		fails bool
	}{
		{"where it was", func(*testing.T, *Jupyter, string) {}, "/kernels/base", false},
		{"moved", func(t *testing.T, j *Jupyter, dir string) {
			if err := os.Rename(dir, dir+"-moved"); err != nil {
				t.Fatal(err)
			}
			j.specs["base"] = found{Dir: dir + "-moved"}
		}, "/kernels/base-moved", false},
		{"gone", func(t *testing.T, j *Jupyter, dir string) {
			os.RemoveAll(dir)
			delete(j.specs, "base")
		}, `no kernel "base"`, true},
		{"broken", func(t *testing.T, _ *Jupyter, dir string) { put(t, dir+"/kernel.json", "{") }, "not JSON", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			j, twin, dir := installed(t, Options{})
			c.spoil(t, j, dir)
			base, err := j.Base(twin)
			switch {
			case c.fails && (err == nil || !strings.Contains(err.Error(), c.want) || Remedy(err) == ""):
				t.Errorf("%v; %s", err, Remedy(err))
			case !c.fails && (err != nil || !strings.HasSuffix(base.Dir, c.want) || base.Interpreter != "/usr/bin/python3"):
				t.Errorf("%+v, %v", base, err)
			}
		})
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
