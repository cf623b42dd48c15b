package kernelspec

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"isolate-namespace/internal/pathname"

	"github.com/google/go-cmp/cmp"
)

// listener is a kernel as far as being observed goes: it listens at the ports of
// its connection file.
const listener = `
import json, socket, sys, time
ports = [v for k, v in json.load(open(sys.argv[-1])).items() if k.endswith("_port")]
sockets = [socket.create_server(("127.0.0.1", port)) for port in ports]
time.sleep(600)
`

// A wrapped world is a home directory with a kernel and what leads to it.
func wrappedWorld(t *testing.T, files map[string]string) (home string) {
	t.Helper()
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("PATH", "/usr/bin:/bin")
	files["kernel.py"] = listener
	for path, text := range files {
		path = filepath.Join(home, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

func TestObserve(t *testing.T) {
	const python = "/usr/bin/python3"
	cases := []struct {
		name     string
		argv     []string // ~ is the home directory
		executed []string // outside of the base system
		read     []string
		ends     []string // the kernel's command
		set      string   // a variable of it
	}{
		{"itself", []string{python, "~/kernel.py", "{connection_file}"}, nil, nil, []string{python, "~/kernel.py", "{connection_file}"}, ""},
		{"exec", []string{"/bin/sh", "-c", ". ~/activate && exec python3 ~/kernel.py {connection_file}"},
			nil, []string{"~/activate"}, []string{python, "~/kernel.py", "{connection_file}"}, "ACTIVE=yes"},
		{"a child", []string{"/bin/bash", "-c", "python3 ~/kernel.py {connection_file}; cat ~/after"},
			nil, nil, []string{python, "~/kernel.py", "{connection_file}"}, ""},
		{"a script", []string{"~/wrap.sh", "{connection_file}"}, []string{"~/wrap.sh"}, []string{"~/activate", "~/wrap.sh"},
			[]string{python, "~/kernel.py", "{connection_file}"}, "ACTIVE=yes"},
		{"a script that ends before the kernel", []string{"/bin/sh", "-c", "~/early.sh; exec python3 ~/kernel.py {connection_file}"},
			[]string{"~/early.sh"}, []string{"~/early.sh", "~/data"}, []string{python, "~/kernel.py", "{connection_file}"}, ""},
		{"env", []string{"/usr/bin/env", "ACTIVE=yes", "nice", "python3", "~/kernel.py", "{connection_file}"},
			nil, nil, []string{python, "~/kernel.py", "{connection_file}"}, "ACTIVE=yes"},
		{"in a session of its own", []string{"/usr/bin/setsid", "-f", "python3", "~/kernel.py", "{connection_file}"},
			nil, nil, []string{python, "~/kernel.py", "{connection_file}"}, ""},
		{"a program that forks", []string{python, "-c", "import os, sys\nif os.fork(): os.wait()\nelse: sys.argv = ['', '{connection_file}']; exec(open(os.environ['HOME'] + '/kernel.py').read())"},
			nil, nil, nil, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			home := wrappedWorld(t, map[string]string{
				"activate": "export ACTIVE=yes\n", "data": "", "after": "",
				"wrap.sh":  "#!/bin/sh\n. ~/activate\nexec python3 ~/kernel.py \"$@\"\n",
				"early.sh": "#!/bin/sh\ncat ~/data >~/written\n",
			})
			inHome := func(words []string) (all []string) {
				for _, word := range words {
					all = append(all, strings.ReplaceAll(word, "~", home))
				}
				return all
			}
			o, err := observe(t.Context(), command{inHome(c.argv), "x", os.Environ()})
			if err != nil {
				t.Fatal(err)
			}

			outside := func(paths []string) (all []string) {
				for _, path := range paths {
					if pathname.Within(path, home) {
						all = append(all, path)
					}
				}
				slices.Sort(all)
				return all
			}
			if diff := cmp.Diff(inHome(c.executed), outside(o.executed)); diff != "" {
				t.Errorf("executed, want - got +:\n%s", diff)
			}
			wantRead := inHome(c.read)
			slices.Sort(wantRead)
			if diff := cmp.Diff(wantRead, outside(o.read)); diff != "" {
				t.Errorf("read, want - got +:\n%s", diff)
			}
			if c.ends != nil {
				if diff := cmp.Diff(inHome(c.ends), slices.Concat([]string{o.program}, o.argv[1:])); diff != "" {
					t.Errorf("ends in, want - got +:\n%s", diff)
				}
			}
			if c.set != "" && !slices.Contains(o.environ, c.set) {
				t.Errorf("%s is not in its environment", c.set)
			}
			if o.program != python {
				t.Errorf("its program is %s", o.program)
			}
		})
	}
}

// Why nothing can be seen is said, and nothing is left of the attempt.
func TestNothingToObserve(t *testing.T) {
	home := wrappedWorld(t, map[string]string{"broken": "\x7fELF and more"})
	t.Setenv("TMPDIR", t.TempDir())
	cases := []struct {
		name string
		argv []string
		want string
	}{
		{"an end", []string{"/bin/sh", "-c", "echo first >&2; echo no such module >&2; exit 1"}, "it ends at its start: no such module"},
		{"an end without words", []string{"/bin/sh", "-c", "exit 0"}, "it ends at its start"},
		{"no program", []string{home + "/nothing"}, "no such file or directory"},
		{"no program for this machine", []string{home + "/broken"}, "exec format error"},
	}
	for _, c := range cases {
		_, err := observe(t.Context(), command{c.argv, "x", os.Environ()})
		var fault *unobserved
		if !errors.As(err, &fault) || !strings.HasSuffix(fault.reason, c.want) || !fault.plain {
			t.Errorf("%s: %v", c.name, err)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := observe(ctx, command{[]string{"/bin/sleep", "600"}, "x", os.Environ()}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the end of the context: %v", err)
	}
	if left, _ := filepath.Glob(os.Getenv("TMPDIR") + "/*"); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// A kernel that another process starts, as a container's does, can't be isolated
// by isolating its command.
func TestKernelElsewhere(t *testing.T) {
	home := wrappedWorld(t, map[string]string{})
	order := filepath.Join(home, "order")
	if err := exec.Command("mkfifo", order).Run(); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("/bin/sh", "-c", `exec /usr/bin/python3 "$0/kernel.py" "$(cat "$0/order")"`, home)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { server.Process.Kill(); server.Wait() }()

	_, err := observe(t.Context(), command{[]string{"/bin/sh", "-c", `echo {connection_file} >"$0"; sleep 600`, order}, "x", os.Environ()})
	if err == nil || !strings.Contains(err.Error(), "in no process of its command") || Remedy(err) == "" {
		t.Errorf("%v; %s", err, Remedy(err))
	}
}
