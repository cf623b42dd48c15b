package kernelspec

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"isolate-namespace/internal/kernelargv"
)

// jupyterWith writes a base spec to disk and returns a Jupyter that finds it, and
// its directory.
func jupyterWith(t *testing.T, name, spec string) (*Jupyter, string) {
	t.Helper()
	prefix := t.TempDir()
	dir := filepath.Join(prefix, "share/jupyter/kernels", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kernel.json"), []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	return &Jupyter{
		Executable: "/usr/bin/python3", Prefix: prefix, DataDir: filepath.Join(prefix, "user"),
		specs: map[string]found{name: {Dir: dir}}, launcher: "/bin/true",
	}, dir
}

const plainSpec = `{
	"argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
	"display_name": "Python 3", "language": "python",
	"env": {"OMP_NUM_THREADS": "2"}, "kernel_protocol_version": "5.5",
	"codemirror_mode": {"name": "ipython", "version": 3}, "number": 12345678901234567890,
	"metadata": {"debugger": true}
}`

// sandbox are options between spaces.
func sandbox(words string) kernelargv.Options {
	return kernelargv.Parse(strings.Fields("/l " + words + " -- kernel")).Options
}

func isolated(t *testing.T, spec string, o Options) (Spec, string) {
	t.Helper()
	j, dir := jupyterWith(t, "base", spec)
	base, err := j.Find("base")
	if err != nil {
		t.Fatal(err)
	}
	made, err := makeTwin(t.Context(), base, j, Options{Launcher: "/opt/isolate-kernel"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := made.spec.with(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func TestMakeTwin(t *testing.T) {
	s, dir := isolated(t, plainSpec, Options{Sandbox: sandbox("--network host --mount ro:/srv/x --env A=b")})
	want := []string{
		"/opt/isolate-kernel", "--network", "host", "--mount", "ro:/srv/x", "--env", "A=b", "--env", "OMP_NUM_THREADS", "--",
		"/usr/bin/python3", "-m", "ipykernel_launcher", "-f", "{connection_file}",
	}
	if diff := cmp.Diff(want, s.Argv()); diff != "" {
		t.Errorf("argv, want - got +:\n%s", diff)
	}

	env := s.object("env")
	if env["OMP_NUM_THREADS"] != "2" || env["MNTDIRS"] != "." || !strings.Contains(env["MNTDIRS_KERNEL"].(string), "ro,try:"+dir) {
		t.Errorf("env is %v", env)
	}
	data, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range []string{`"codemirror_mode"`, `12345678901234567890`, `"debugger": true`, `"path": "/usr/bin/python3"`, `"kernel_protocol_version": "5.4"`} {
		if !strings.Contains(string(data), kept) {
			t.Errorf("%s is lost in\n%s", kept, data)
		}
	}
}

// What front ends other than Jupyter's own make of a command: one placeholder
// only (VS Code), every brace one (jupyverse), no Python's name in front
// (VS Code), no display name that hides it.
func TestEveryFrontEndReadsTheCommand(t *testing.T) {
	for _, argv := range []string{
		`["python3", "-m", "x", "{connection_file}"]`,
		`["{resource_dir}/run", "--file={connection_file}"]`,
		`["/usr/bin/env", "{prefix}/x", "{connection_file}"]`,
	} {
		j, dir := jupyterWith(t, "base", `{"argv": `+argv+`, "display_name": "Python 3", "language": "other"}`)
		os.WriteFile(filepath.Join(dir, "run"), []byte("#!/bin/sh\n"), 0o755)
		base, err := j.Find("base")
		if err != nil {
			t.Fatal(err)
		}
		made, err := makeTwin(t.Context(), base, j, Options{Launcher: "/opt/isolate-kernel"})
		if err != nil {
			t.Fatal(err)
		}
		s := made.spec
		all := strings.Join(s.Argv(), " ")
		if strings.Count(all, "{") != 1 || !strings.Contains(all, "{connection_file}") {
			t.Errorf("%s: braces in %s", argv, all)
		}
		if regexp.MustCompile(`^python`).MatchString(filepath.Base(s.Argv()[0])) || s["display_name"] == "Python 3" {
			t.Errorf("%s: %s, named %s", argv, all, s["display_name"])
		}
	}
}

func TestProtocolIsCapped(t *testing.T) {
	for version, want := range map[string]any{"5.0": "5.0", "5.4": "5.4", "5.5": "5.4", "5.6.0": "5.4", "6": "6", "6.1": "5.4", "": "", "new": "new"} {
		s := Spec{"kernel_protocol_version": version}
		if capProtocol(s); s["kernel_protocol_version"] != want {
			t.Errorf("%q became %v, want %v", version, s["kernel_protocol_version"], want)
		}
	}
}

func TestBadBase(t *testing.T) {
	cases := []struct{ name, spec, want string }{
		{"not JSON", `{"argv": [`, "not JSON"},
		{"two values", `{} {}`, "more than one value"},
		{"a list", `[]`, "not JSON"},
		{"no argv", `{"display_name": "x", "language": "x"}`, "argv"},
		{"empty argv", `{"argv": [], "display_name": "x", "language": "x"}`, "argv"},
		{"a number in argv", `{"argv": [1], "display_name": "x", "language": "x"}`, "argv/0"},
		{"a number in env", `{"argv": ["sh", "{connection_file}"], "display_name": "x", "language": "x", "env": {"A": 1}}`, "env/A"},
		{"an interrupt mode", `{"argv": ["sh", "{connection_file}"], "display_name": "x", "language": "x", "interrupt_mode": "shout"}`, "interrupt_mode"},
		{"isolated itself", `{"argv": ["sh", "{connection_file}"], "display_name": "x", "language": "x", "metadata": {"isolate": {}}}`, "a twin itself"},
		{"another machine's", `{"argv": ["sh", "{connection_file}"], "display_name": "x", "language": "x", "metadata": {"kernel_provisioner": {"provisioner_name": "docker"}}}`, "provisioner docker"},
		{"no placeholder", `{"argv": ["sh"], "display_name": "x", "language": "x"}`, "exactly once"},
		{"two placeholders", `{"argv": ["sh", "{connection_file}", "{connection_file}"], "display_name": "x", "language": "x"}`, "exactly once"},
		{"another brace", `{"argv": ["sh", "{connection_file}", "{kernel_id}"], "display_name": "x", "language": "x"}`, "braces"},
		{"no such program", `{"argv": ["no-such-program", "{connection_file}"], "display_name": "x", "language": "x"}`, "not in PATH"},
		{"not executable", `{"argv": ["/etc/passwd", "{connection_file}"], "display_name": "x", "language": "x"}`, "can't be executed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			j, dir := jupyterWith(t, "base", c.spec)
			base, err := j.Find("base")
			if err == nil {
				_, err = Install(t.Context(), base, j, Options{Launcher: "/x"}, Place{})
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || Remedy(err) == "" {
				t.Errorf("%v, remedy %q; want %q", err, Remedy(err), c.want)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "*-isolated")); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
