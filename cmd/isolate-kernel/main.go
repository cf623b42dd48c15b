// Isolate-kernel runs a Jupyter kernel in a sandbox; Jupyter starts it.
package main

import (
	"os"

	"isolate-namespace/internal/end"
	"isolate-namespace/launcher"
)

func main() {
	status, sig := launcher.Run(os.Args[1:], os.Stdout, os.Stderr)
	if sig != 0 {
		end.BySignal(sig)
	}
	os.Exit(status)
}
