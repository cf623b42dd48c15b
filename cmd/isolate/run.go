package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate"
)

// run is the whole command: arguments in, exit status out.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parseOptions(args)
	if errors.Is(err, errHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if err != nil {
		return complain(stderr, err)
	}
	policy, err := o.policy()
	if err != nil {
		return complain(stderr, err)
	}
	cmd := isolate.Command(policy, o.program[0], o.program[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	// Whoever stops this command means the program in it.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM)
	if err := cmd.Start(); err != nil {
		return complain(stderr, err)
	}
	go func() {
		for s := range signals {
			cmd.Signal(s.(unix.Signal))
		}
	}()
	return isolate.ExitCode(cmd.Wait())
}

// complain says why nothing ran: the reason first, then the remedy.
func complain(stderr io.Writer, err error) int {
	line := "isolate: " + err.Error()
	if hint := isolate.Hint(err); hint != "" {
		line += "; " + hint
	}
	fmt.Fprintln(stderr, line)
	return isolate.ExitCode(err)
}
