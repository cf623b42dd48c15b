// Package launcher is the process that Jupyter starts in place of a kernel: it
// runs the real one in a sandbox, and behaves to Jupyter as the kernel would.
//
// What is outside, and what of it the kernel gets:
//
//   - The connection file: a private copy at the same path, and no other file
//     of that directory (connection.go, policy.go).
//   - The ports: the launcher listens on them and relays bytes to the kernel,
//     which has a loopback interface of its own and no other network
//     (listen.go, door.go, relay.go, client.go). It refuses other users' clients
//     (internal/peer).
//   - Signals: each once, to the kernel's process group (signals.go).
//   - Standard output and errors: copied through pipes.
//   - The end: the launcher ends with the kernel's status, the kernel when the
//     launcher or its front end does.
//   - Why there is no kernel: one line on standard error and, if a person looks at
//     a notebook, an answer in its cells (interactive.go, cell.go).
//
// Every kernel's start waits for the launcher. It imports neither encoding/json
// nor net, and listens before it does anything slow.
package launcher

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/kernelargv"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/internal/reportfile"
	"isolate-namespace/internal/rest"
	"isolate-namespace/internal/text"
	"isolate-namespace/isolate"
)

// Run is the command isolate-kernel. It takes os.Args[1:], and returns the exit
// status and the signal that ended the kernel, or 0. The kernel's output goes to
// stdout and stderr, and so does the launcher's own message, one line at most.
func Run(args []string, stdout, stderr *os.File) (status int, sig unix.Signal) {
	status, err := run(args, stdout, stderr)
	var exit *isolate.ExitError
	if errors.As(err, &exit) && exit.Status.Signaled() {
		sig = exit.Status.Signal()
	}
	return status, sig
}

// run is Run; ended says how the kernel ended, if one ran.
func run(args []string, stdout, stderr *os.File) (status int, ended error) {
	signals, parent := catchSignals(), os.Getppid()
	o, err := parseOptions(args)
	if err != nil {
		// Somebody has edited kernel.json, and may be waiting for the kernel.
		c, _ := findConnectionFile(kernelargv.Parse(append([]string{"isolate-kernel"}, args...)).Kernel)
		return report(&failure{err, c, &listeners{}, parent}, stderr), nil
	}
	if o.show != "" {
		text.NewOutput(stdout).Lines(o.show)
		return 0, nil
	}

	c, err := findConnectionFile(o.kernel)
	if err != nil {
		return complain(stderr, err), nil
	}
	l, err := listen(c, o.network)
	if err != nil {
		return complain(stderr, err), nil
	}
	defer l.close()

	k, err := start(o, c, stdout, stderr)
	if err == nil {
		err = k.accompany(l, signals, WatchFrontEnd(parent), stderr)
	}
	if err != nil && !isOwnEnd(err) {
		return report(&failure{err, c, l, parent}, stderr), err
	}
	return isolate.ExitCode(err), err
}

// isOwnEnd reports whether a kernel ended with a status of its own making, which
// is for the front end to tell.
func isOwnEnd(err error) bool {
	var exit *isolate.ExitError
	return errors.As(err, &exit) && exit.Kind == ""
}

// A kernel is a running one.
type kernel struct {
	*isolate.Cmd
	connection *connectionFile
	output     *output
	report     *reportfile.File
}

// start runs the kernel's command in a sandbox.
func start(o *options, c *connectionFile, stdout, stderr *os.File) (*kernel, error) {
	policy, err := newPolicy(o, c)
	if err != nil {
		return nil, err
	}
	out, err := newOutput(stdout, stderr, o.logSize)
	if err != nil {
		return nil, err
	}
	report, err := reportfile.Open(o.report)
	if err != nil {
		return nil, err
	}
	argv := c.moveTo(policy.Files[0].Path, o.kernel)
	cmd := isolate.Command(policy, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = isolate.OwnPipe{File: out.stdout}, isolate.OwnPipe{File: out.stderr}
	cmd.Refused = func(r isolate.Refusal) {
		text.NewOutput(stderr).Complain("isolate-kernel", r.Error(), remedy.Kernel.For(r))
	}
	cmd.Ready = func() {
		for _, line := range remedy.Uncopied(cmd) {
			text.NewOutput(stderr).Complain("isolate-kernel", line, "")
		}
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for _, caveat := range remedy.Kernel.Caveats(cmd) {
		text.NewOutput(stderr).Complain("isolate-kernel", caveat, "")
	}
	out.start()
	rest.After(5 * time.Second) // the kernel is up by then
	return &kernel{cmd, c, out, report}, nil
}

// accompany serves the kernel to its end. The error is nil or an
// *isolate.ExitError.
func (k *kernel) accompany(l *listeners, signals <-chan os.Signal, orphaned <-chan struct{}, stderr *os.File) error {
	ended := make(chan struct{})
	go passSignals(k.Cmd, signals, orphaned, ended)
	r, err := startRelay(l.leadTo(k), func(reason error) {
		text.NewOutput(stderr).Complain("isolate-kernel", reason.Error(), remedy.ConnectAsUser)
	})
	if err != nil {
		k.Signal(unix.SIGKILL)
		k.Wait()
		return err
	}
	err = k.Wait()
	close(ended)
	r.finish()
	k.output.finish()

	result := k.Report()
	for _, line := range remedy.Kernel.Missed(result.Missed) {
		text.NewOutput(stderr).Complain("isolate-kernel", line.Reason, line.Remedy)
	}
	if lost := k.report.Write(result.JSON()); lost != nil {
		return lost
	}
	return err
}

// complain says why no kernel runs, or which limit ended it: the reason first,
// then the remedy.
func complain(stderr *os.File, err error) int {
	text.NewOutput(stderr).Complain("isolate-kernel", remedy.Reason(err), remedy.Kernel.For(err))
	return isolate.ExitCode(err)
}
