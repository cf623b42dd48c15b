package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/inherited"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/internal/reportfile"
	"isolate-namespace/internal/rest"
	"isolate-namespace/internal/text"
	"isolate-namespace/internal/version"
	"isolate-namespace/isolate"
)

// errHidden says that --explain has said no.
var errHidden = errors.New("not visible")

// run is the whole command: arguments in, exit status out, and the signal that
// ended the program, or 0.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (status int, sig unix.Signal) {
	o, err := parseOptions(args)
	switch {
	case errors.Is(err, errHelp):
		fmt.Fprint(stdout, usage())
		return 0, 0
	case errors.Is(err, errVersion):
		text.NewOutput(stdout).Line("%s", version.Line("isolate"))
		return 0, 0
	case err == nil:
		err = o.carryOut(stdin, stdout, stderr)
	}
	if err == errHidden {
		return 1, 0
	}

	var exit *isolate.ExitError
	if errors.As(err, &exit) && exit.Output != nil {
		complain(stderr, exit.Output)
	}
	if err != nil && !(errors.As(err, &exit) && exit.Kind == "") {
		complain(stderr, err)
	}
	if exit != nil && exit.Status.Signaled() {
		sig = exit.Status.Signal()
	}
	return isolate.ExitCode(err), sig
}

// carryOut does what the options say.
func (o *options) carryOut(stdin io.Reader, stdout, stderr io.Writer) error {
	if o.explain != "" {
		e, err := o.policy.Explain(o.explain)
		if err != nil {
			return err
		}
		if e.ToShow != "" {
			e.Sentence += "; " + remedy.Isolate.ToShow(e.ToShow)
		}
		out := text.NewOutput(stdout)
		out.Line("%s", e.Sentence)
		if out.Err() == nil && !e.Visible {
			return errHidden
		}
		return out.Err()
	}

	if o.dryRun {
		return o.describe(text.NewOutput(stdout))
	}
	if o.verbose {
		if err := o.describe(text.NewOutput(stderr)); err != nil {
			return err
		}
	}

	report, err := reportfile.Open(o.report)
	if err != nil {
		return err
	}
	cmd := isolate.Command(o.policy, o.program[0], o.program[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.Terminal = openTerminal()
	defer cmd.Terminal.Close()
	cmd.Refused = func(r isolate.Refusal) {
		text.NewOutput(stderr).Raw().Complain("isolate", r.Error(), remedy.Isolate.For(r))
	}
	cmd.Ready = func() {
		for _, line := range remedy.Uncopied(cmd) {
			text.NewOutput(stderr).Complain("isolate", line, "")
		}
	}
	cmd.Signals = programsSignals()
	if err := cmd.Start(); err != nil {
		return err
	}
	for _, caveat := range remedy.Isolate.Caveats(cmd) {
		text.NewOutput(stderr).Raw().Complain("isolate", caveat, "")
	}

	rest.After(time.Second)
	ended := cmd.Wait()
	result := cmd.Report()
	for _, line := range remedy.Isolate.Missed(result.Missed) {
		text.NewOutput(stderr).Complain("isolate", line.Reason, line.Remedy)
	}
	if report != nil {
		if err := report.Write(result.JSON()); err != nil {
			return err
		}
	}
	return ended
}

// openTerminal returns our controlling terminal, which a program can ask somebody on
// and be stopped from, even if it is none of its streams. Nil means that there is none.
func openTerminal() *os.File {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), "/dev/tty")
}

// programsSignals returns the signals that are meant for the program: whoever stops
// this command means the program in it. A signal that we were started to ignore
// stays ignored, by the program too.
func programsSignals() (signals []unix.Signal) {
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGCONT} {
		if inherited.Ignores(sig) {
			signal.Ignore(sig)
			continue
		}
		signals = append(signals, sig)
	}
	return signals
}

// describe says what the program would see, with the command itself.
func (o *options) describe(out *text.Output) error {
	description, err := o.policy.Describe()
	if err != nil {
		return err
	}
	out.Line("%-13s%q", "Program", o.program)
	out.Lines(description)
	return out.Err()
}

// complain says on one line why nothing ran, or which limit ended what did:
// the reason first, then the remedy.
func complain(stderr io.Writer, err error) {
	text.NewOutput(stderr).Complain("isolate", remedy.Reason(err), remedy.Isolate.For(err))
}
