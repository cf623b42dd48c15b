package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v5"

	"isolate-namespace/share"
)

// TestMain lets the test program be the command, in the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"isolate-kernelspec": main})
}

// The scripts have no Jupyter: the kernels are those of JUPYTER_PATH and of the
// machine, which no script may touch.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir+"/home")
			e.Setenv("JUPYTER_PATH", e.WorkDir+"/jupyter")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"schema": func(ts *testscript.TestScript, neg bool, args []string) {
				var value any
				ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &value))
				schema, err := jsonschema.CompileString("commands.schema.json", share.CommandsSchema)
				ts.Check(err)
				ts.Check(schema.Validate(value))
			},
			// launcher puts something in the place of isolate-kernel, beside
			// the command.
			"launcher": func(ts *testscript.TestScript, neg bool, args []string) {
				dir := ts.MkAbs("bin")
				ts.Check(os.MkdirAll(dir, 0o755))
				// Copied by another process: one that is started while this one
				// has the copy open for writing would make it busy.
				self, err := os.Executable()
				ts.Check(err)
				ts.Check(ts.Exec("cp", self, dir+"/isolate-kernelspec"))
				ts.Check(ts.Exec("cp", "/bin/true", dir+"/isolate-kernel"))
				ts.Setenv("PATH", dir+":/usr/bin:/bin")
			},
		},
	})
}
