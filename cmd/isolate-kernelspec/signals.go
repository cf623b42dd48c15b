package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// An ending is the error of a command that a signal has ended.
type ending struct{ signal syscall.Signal }

func (e ending) Error() string { return "ended by " + e.signal.String() }

// untilSignal returns a context that ends with the first signal that would end
// this process, so that what it has started can end first; the second ends it at
// once. Its cause is an ending. end ends it, for a reason of one's own, and gives the signals back.
//
// A reader that goes away, such as head(1), is an error of the write that it
// lets fail, and no signal: connections to a kernel that ends cause the same.
func untilSignal() (ctx context.Context, end context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())

	signals := make(chan os.Signal, 1)
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(sig) { // nohup(1) is respected
			signal.Notify(signals, sig)
		}
	}
	// Not ignored, which the kernel would inherit.
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)

	go func() {
		select {
		case sig := <-signals:
			signal.Stop(signals) // the next one ends us at once
			cancel(ending{sig.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func(cause error) {
		cancel(cause)
		signal.Stop(signals)
		signal.Stop(pipes)
	}
}

// unwritten is the error of a command whose output can't be written.
func unwritten(err error) error {
	if errors.Is(err, syscall.EPIPE) { // which the reader knows
		return ending{syscall.SIGPIPE}
	}
	return err
}
