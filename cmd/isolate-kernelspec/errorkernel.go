package main

import (
	"context"
	"encoding/json"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"isolate-namespace/errorkernel"
	"isolate-namespace/launcher"
	"isolate-namespace/protocol"
)

// errorKernel is what isolate-kernel becomes where there is no kernel. No
// person calls it.
type errorKernel struct {
	ConnectionFile string `required:""`
	Cause          string
	Remedy         string
	Limit          string `help:"The kernel came to it, in the cell."`
	Cell           string `help:"The header of the cell's request."`
	Status         int    `help:"The exit status, unless the front end asks for the end."`
}

// Run ends with the status 0 when the front end asked for the end, otherwise
// with the launcher's. The launcher has told the person on the terminal.
func (k *errorKernel) Run(*session) error {
	if asked, err := k.serve(); err == nil && asked {
		return nil
	}
	return exitStatus(k.Status)
}

func (k *errorKernel) serve() (asked bool, err error) {
	// To be told to end, and the front end's end.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	signal.Ignore(syscall.SIGINT) // an interrupt is no reason to end
	if gone := launcher.WatchFrontEnd(os.Getppid()); gone != nil {
		go func() {
			<-gone
			stop()
		}()
	}
	c, err := protocol.ReadConnection(k.ConnectionFile)
	if err != nil {
		return false, err
	}
	if k.Limit != "" {
		var cell protocol.Header
		if err := json.Unmarshal([]byte(k.Cell), &cell); err != nil {
			return false, err
		}
		return false, errorkernel.Tell(ctx, c, errorkernel.Killed(k.Limit), cell)
	}
	language := sync.OnceValue(func() map[string]any {
		return errorkernel.LanguageInfo(os.Getenv("JPY_SESSION_NAME"), c.KernelName)
	})
	go language() // may take a while
	return errorkernel.Serve(ctx, c, errorkernel.NoSandbox(k.Cause, k.Remedy), language)
}
