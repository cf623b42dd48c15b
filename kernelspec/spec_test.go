package kernelspec

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The working directory has nothing to do with it.
func TestValidateInAnyDirectory(t *testing.T) {
	for _, name := range []string{"100% done", "a%zz", "new\nline", "Übung #1?"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		if err := (Spec{"argv": []any{"k", "{connection_file}"}, "display_name": "K", "language": "k"}).Validate(); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A spec's env has the values that Jupyter would hand over, which are those of
// Python's string.Template.
func TestExpandedAsJupyterDoes(t *testing.T) {
	t.Setenv("COURSE", "/srv/course")
	t.Setenv("SECOND", "$COURSE")
	spec := Spec{"env": map[string]any{
		"A": "${COURSE}/data", "B": "$COURSE-x $COURSEx", "C": "$$COURSE", "D": "$NO_SUCH_VARIABLE ${NO_SUCH_VARIABLE}",
		"E": "$1 ${1} $ ${} ${COURSE", "F": "$SECOND", "G": "$A", "H": "$COURSEé", "I": "",
	}}
	const script = `import json, os, string, sys
print(json.dumps({k: string.Template(v).safe_substitute(os.environ) for k, v in json.loads(sys.argv[1]).items()}))`
	text, err := json.Marshal(spec.Env())
	if err != nil {
		t.Fatal(err)
	}

	out, err := exec.Command("/usr/bin/python3", "-c", script, string(text)).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, spec.Expanded()); diff != "" {
		t.Errorf("want - got +:\n%s", diff)
	}
}

// Whatever the text is, reading it ends in a valid spec or an error, and a
// valid one is the same after being written.
func FuzzParseSpec(f *testing.F) {
	f.Add([]byte(plainSpec))
	f.Add([]byte(`{"argv":["a"],"display_name":"","language":"","env":null}`))
	f.Add([]byte(`{"argv":["a"],"display_name":"","language":"","metadata":{"a":[1e999]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := parseSpec(data)
		if err != nil {
			return
		}
		written, err := spec.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseSpec(written)
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}
		a, _ := json.Marshal(spec)
		b, _ := json.Marshal(again)
		if string(a) != string(b) {
			t.Errorf("%s became %s", a, b)
		}
	})
}
