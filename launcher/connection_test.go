package launcher

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v5"

	"isolate-namespace/internal/remedy"
)

// A reference decides by the published schema and the standard library what
// parseConnectionFile decides by hand.
type reference struct{ schema *jsonschema.Schema }

func newReference(t testing.TB) reference {
	schema, err := jsonschema.Compile("../share/connection-file.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return reference{schema}
}

func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if !json.Valid(text) { // Decode stops after the first value
		return nil, &json.SyntaxError{}
	}
	return v, nil
}

func (r reference) accepts(text []byte) bool {
	v, err := decode(text)
	if err != nil || r.schema.Validate(v) != nil {
		return false
	}
	// To JSON Schema 5e3 and 5000.0 are integers, to kernels they are not.
	for _, channel := range channels {
		if _, err := v.(map[string]any)[channel+"_port"].(json.Number).Int64(); err != nil {
			return false
		}
	}
	return true
}

func corpus(t testing.TB) map[string][]byte {
	files, err := filepath.Glob("testdata/connection/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	texts := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(filepath.Base(file), ".json")] = text
	}
	return texts
}

func TestConnectionFileVerdicts(t *testing.T) {
	ref := newReference(t)
	for name, text := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			good := strings.HasPrefix(name, "good-")
			if _, err := parseConnectionFile(text); (err == nil) != good {
				t.Errorf("parseConnectionFile: %v", err)
			}
			if ref.accepts(text) != good {
				t.Errorf("the schema accepts it: %v", !good)
			}
		})
	}
}

func FuzzConnectionFile(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add(text)
	}

	ref := newReference(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseConnectionFile(text)
		if accepted := ref.accepts(text); accepted != (err == nil) {
			t.Fatalf("parseConnectionFile: %v; by the schema: %v", err, accepted)
		}
		if err != nil {
			return
		}
		want, _ := decode(text)
		if _, has := want.(map[string]any)["ip"]; has {
			want.(map[string]any)["ip"] = "10.1.2.3"
		}
		got, err := decode(c.inside("10.1.2.3"))
		if err != nil {
			t.Fatalf("inside: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("inside changes more than ip: %s", diff)
		}
	})
}

func TestInsideKeepsTheText(t *testing.T) {
	const text = `{"shell_port":1, "iopub_port":2,"stdin_port":3 ,"control_port":4,"hb_port":5,
  "ip" : "192.168.0.7" , "curve_secretkey":"D:)Q[", "unknown": [1.0, {"ip": "stays"}]}
`
	c, err := parseConnectionFile([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(text, "192.168.0.7", "127.0.0.1", 1)
	if got := string(c.inside("127.0.0.1")); got != want {
		t.Errorf("inside:\n%s\nwant:\n%s", got, want)
	}
}

func TestFindConnectionFile(t *testing.T) {
	texts := corpus(t)
	dir := t.TempDir()
	t.Chdir(dir)
	good := filepath.Join(dir, "kernel-1.json")
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := string(texts["good-jupyter_client"])
	write("kernel-1.json", text)
	odd := write("a=b c/conn", text)
	spaced := write("my files/kernel 1.json", text)
	settings := write("settings.json", `{"theme": "dark"}`)
	write("ipykernel_launcher", strings.Replace(text, "53001", "53999", 1))
	broken := write("broken.json", text[:40])
	registration := write("registration.json", string(texts["bad-registration"]))
	noPort := write("noport.json", string(texts["bad-port-zero"]))
	binary := write("big", strings.Repeat("\x7fELF", 1<<19))

	tests := []struct {
		name string
		argv []string
		want string // path
		err  string
	}{
		{name: "an element", argv: []string{"/usr/bin/python3", "-m", "ipykernel_launcher", "-f", good}, want: good},
		{name: "after an equals sign", argv: []string{"evcxr", "--control_file=" + good}, want: good},
		{name: "a path with equals signs", argv: []string{"k", "--conn=" + odd}, want: odd},
		{name: "arguments that Jupyter appends", argv: []string{"k", good, "--config=" + settings, "--x=/y.json"}, want: good},
		{name: "other files first", argv: []string{binary, "--config", settings, "/", "/dev/null", good}, want: good},
		{name: "a file of the working directory does not count", argv: []string{"python3", "-m", "ipykernel_launcher"},
			err: "find the connection file: no argument of the kernel's is the absolute path of one"},
		{name: "in a shell's script", argv: []string{"bash", "-c", "source /opt/env && exec python3 -m ipykernel_launcher -f " + good}, want: good},
		{name: "in quotes", argv: []string{"sh", "-c", `exec kernel "` + spaced + `" </dev/null`}, want: spaced},
		{name: "in a script, after other files", argv: []string{"sh", "-c", "kernel --config=" + settings + " --f=" + good + ";exit"}, want: good},
		{name: "an argument counts before a word", argv: []string{"sh", "-c", "kernel " + noPort + " $0", good}, want: good},
		{name: "a relative word does not count", argv: []string{"sh", "-c", "kernel kernel-1.json"},
			err: "find the connection file: no argument of the kernel's is the absolute path of one"},
		{name: "a word that isn't there", argv: []string{"sh", "-c", "kernel " + dir + "/gone.json"},
			err: "read the connection file: no such file: " + dir + "/gone.json"},
		{name: "none", argv: []string{"/bin/true"},
			err: "find the connection file: no argument of the kernel's is the absolute path of one"},
		{name: "not there", argv: []string{"k", "-f", dir + "/gone.json"},
			err: "read the connection file: no such file: " + dir + "/gone.json"},
		{name: "not JSON", argv: []string{"k", broken},
			err: "read the connection file: not a JSON object: a syntax error at byte 40: " + broken},
		{name: "no connection file", argv: []string{"k", settings},
			err: "read the connection file: no kernel's ports in it: " + settings},
		{name: "registration", argv: []string{"k", registration},
			err: "read the connection file: a registration file (JEP 66) asks for a handshake that is not supported: " + registration},
		{name: "a bad one is not passed over", argv: []string{"k", noPort, good},
			err: "read the connection file: hb_port is 0, not a port number: " + noPort},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := findConnectionFile(test.argv)
			switch {
			case test.err != "" && (err == nil || err.Error() != test.err):
				t.Errorf("error %v, want %s", err, test.err)
			case test.err != "" && remedy.Kernel.For(err) == "":
				t.Error("no remedy")
			case test.err == "" && err != nil:
				t.Error(err)
			case test.err == "" && c.path != test.want:
				t.Errorf("found %s, want %s", c.path, test.want)
			}
		})
	}
}
