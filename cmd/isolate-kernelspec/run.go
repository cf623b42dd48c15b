package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"isolate-namespace/internal/end"
	"isolate-namespace/internal/regular"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/internal/text"
	"isolate-namespace/internal/version"
	"isolate-namespace/kernelspec"
)

// commands are the command line, in the words of kong.
type commands struct {
	Install  install         `cmd:"" help:"Make isolated twins of installed kernels."`
	List     list            `cmd:"" help:"List the twins, and which of them no longer fit."`
	Show     show            `cmd:"" help:"Say what a kernel started here would see."`
	Update   update          `cmd:"" help:"Make twins again from their bases as they are now, with more options. Those that they have, and changes made by hand, are kept."`
	Verify   verifyCommand   `cmd:"" help:"Start a kernel as Jupyter does, and have it try to get out."`
	Rehearse rehearseCommand `cmd:"" help:"Run your own notebooks in a twin and in its plain kernel, and say what differs."`
	Doctor   doctorCommand   `cmd:"" help:"Say what this machine can do for isolated kernels, and what to change."`
	Remove   remove          `cmd:"" help:"Remove twins. No other kernel is touched."`

	Version kong.VersionFlag `hidden:"" help:"Show the version, and what it was built from."`

	ErrorKernel errorKernel `cmd:"" hidden:""`
	Manual      writeManual `cmd:"" hidden:""`
	Names       listNames   `cmd:"" hidden:""`
	Wrap        wrap        `cmd:"" hidden:""`
}

// session is what each command works with.
type session struct {
	stdout, stderr *text.Output

	// The same as they are: for programs, and for a line that comes and goes.
	rawStdout, rawStderr io.Writer
}

func newSession(stdout, stderr io.Writer) *session {
	return &session{text.NewOutput(stdout), text.NewOutput(stderr), stdout, stderr}
}

// exitStatus is an error that has been printed already, with its exit status.
type exitStatus int

func (exitStatus) Error() string { return "" }

// run is the whole command: arguments in, exit status out.
func run(args []string, stdout, stderr io.Writer) int {
	c := commands{Install: install{Sandbox: newSandbox()}, Update: update{Sandbox: newSandbox()}}
	s := newSession(stdout, stderr)
	exit := -1
	parser, err := kong.New(&c, kong.Name("isolate-kernelspec"), kong.Writers(s.stdout, s.stderr),
		kong.Description("Isolated twins of installed Jupyter kernels. --version says which build this is."),
		kong.Vars{"version": version.Line("isolate-kernelspec")},
		kong.Exit(func(status int) { exit = status }))
	if err != nil {
		return s.complain(err)
	}

	context, err := parser.Parse(args)
	if exit >= 0 { // help was asked for and given
		return exit
	}
	if err != nil {
		return s.complain(misuse(err))
	}
	if err := context.Run(s); err != nil {
		return s.complain(err)
	}
	if err := s.stdout.Err(); err != nil {
		return s.complain(fmt.Errorf("write the output: %w", unwritten(err)))
	}
	return 0
}

// misuse says what is wrong with the command line, of which kong speaks in its
// own words.
func misuse(err error) error {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) || wrong.Context.Selected() == nil {
		return &kernelspec.Error{Reason: err.Error(), Remedy: remedy.ListCommands}
	}
	switch {
	case strings.HasPrefix(err.Error(), `expected "<notebook>`):
		return &kernelspec.Error{Reason: "no notebook is named", Remedy: remedy.NameNotebook}
	case !strings.HasPrefix(err.Error(), `expected "<name>`):
	case wrong.Context.Selected().Name == "verify":
		return &kernelspec.Error{Reason: "no kernel is named", Remedy: remedy.NameKernel}
	default:
		return &kernelspec.Error{Reason: "no kernel is named", Remedy: remedy.NameTwin}
	}
	return &kernelspec.Error{Reason: err.Error(), Remedy: remedy.ListCommands}
}

// findLauncher is isolate-kernel beside this command. The path is the one that
// this command was found by: a link that an upgrade moves stays good. An error says
// that it isn't there.
func findLauncher() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(self), "isolate-kernel")
	if !regular.Executable(path) {
		return path, &kernelspec.Error{
			Reason: path + " is not there or can't be executed",
			Remedy: remedy.InstallCommands,
		}
	}
	return path, nil
}

// findJupyter is kernelspec.FindJupyter with our launcher, whether it is there or not.
func findJupyter() (*kernelspec.Jupyter, error) {
	launcher, _ := findLauncher()
	return kernelspec.FindJupyter(launcher)
}

// findBoth returns the launcher, which must be there, and the Jupyter for it.
func findBoth() (launcher string, jupyter *kernelspec.Jupyter, err error) {
	if launcher, err = findLauncher(); err != nil {
		return "", nil, err
	}
	jupyter, err = kernelspec.FindJupyter(launcher)
	return launcher, jupyter, err
}

// complain says what can't be done: the reason first, then the remedy.
func (s *session) complain(err error) int {
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	var ended ending
	if errors.As(err, &ended) { // of which whoever sent the signal knows
		end.BySignal(ended.signal)
		return 128 + int(ended.signal)
	}
	s.stderr.Complain("isolate-kernelspec", err.Error(), cmp.Or(kernelspec.Remedy(err), remedy.Kernelspec.For(err)))
	return 1
}

// notes prints what else a person should know.
func (s *session) notes(all []string) {
	for _, note := range all {
		s.stderr.Line("isolate-kernelspec: note: %s", note)
	}
}

// json prints a value as the schema commands.schema.json has it.
func (s *session) json(value any) error {
	encoder := json.NewEncoder(s.rawStdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
