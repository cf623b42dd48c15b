package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"isolate-namespace/internal/network"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"isolate": main, "isolate-network": serve})
}

// serve is the command isolate-network.
func serve() { network.Run(os.Args[1:], os.Stdin, os.Stdout) }

// TestScripts runs testdata/*.txtar: what the command promises, as a person
// would type it.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Abs("../../scripts")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                "testdata",
		RequireUniqueNames: true,
		Cmds:               map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits},
		Setup: func(env *testscript.Env) error {
			env.Setenv("SCRIPTS", scripts)
			env.Setenv("LANG", "C.UTF-8")
			// The working directory may not lie above it.
			env.Setenv("HOME", t.TempDir())
			return nil
		},
		UpdateScripts: os.Getenv("UPDATE") != "",
	})
}

// exits runs a command and compares its exit status, which is 128 plus its
// number for a signal: exits STATUS COMMAND [ARG...]. What it wrote is there for stdout and stderr to match.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
		if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
			got = 128 + int(status.Signal())
		}
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}
