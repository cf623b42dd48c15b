package main

import (
	"context"
	"encoding/json"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"

	"isolate-namespace/internal/end"
	"isolate-namespace/internal/errorkernel"
	"isolate-namespace/internal/protocol"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/internal/text"
	"isolate-namespace/launcher"
)

// errorKernel is the command that isolate-kernel becomes if there is no kernel.
// Nobody types it.
type errorKernel struct{}

// Run ends with status 0 if the front end asked for the end, otherwise as the
// launcher would have ended. The launcher has printed the reason already.
func (*errorKernel) Run(*session) error {
	ending, err := launcher.ReadEnding(os.Stdin)
	if err != nil {
		return err
	}
	status, err := strconv.Atoi(ending.Status)
	if err != nil {
		return err
	}
	if asked, err := serve(ending); err == nil && asked {
		return nil
	}
	if ending.Limit != "" && status > 128 {
		end.BySignal(syscall.Signal(status - 128)) // as the launcher itself does
	}
	return exitStatus(status)
}

func serve(ending *launcher.Ending) (asked bool, err error) {
	// ctx ends when we are told to end, and when the front end ends.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	signal.Ignore(syscall.SIGINT) // an interrupt doesn't end a kernel
	if gone := launcher.WatchFrontEnd(os.Getppid()); gone != nil {
		go func() {
			<-gone
			stop()
		}()
	}

	var once sync.Once
	ctx = protocol.WithRefusal(ctx, func(reason error) {
		once.Do(func() { text.NewOutput(os.Stderr).Complain("isolate-kernel", reason.Error(), remedy.ConnectAsUser) })
	})
	c, err := protocol.ReadConnection(ending.ConnectionFile)
	if err != nil {
		return false, err
	}

	if ending.Limit != "" {
		var cell protocol.Header
		if err := json.Unmarshal([]byte(ending.Cell), &cell); err != nil {
			return false, err
		}
		return false, errorkernel.Tell(ctx, c, errorkernel.Killed(ending.Limit), cell)
	}

	language := sync.OnceValue(func() map[string]any {
		if info := errorkernel.NotebookLanguage(os.Getenv("JPY_SESSION_NAME")); info != nil {
			return info
		}
		return errorkernel.Language(languageOf(c.KernelName))
	})
	go language() // may take a while
	return errorkernel.Serve(ctx, c, errorkernel.NoSandbox(ending.Cause, ending.Remedy), language)
}

// languageOf returns the language of an installed kernel, or "" if it has none.
func languageOf(kernelName string) string {
	jupyter, err := findJupyter()
	if err != nil {
		return ""
	}
	kernel, err := jupyter.Find(kernelName)
	if err != nil {
		return ""
	}
	return kernel.Spec.Language()
}
