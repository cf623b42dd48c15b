// Isolate-kernel runs a Jupyter kernel in a sandbox; Jupyter starts it.
package main

import (
	"os"

	"isolate-namespace/launcher"
)

func main() {
	os.Exit(launcher.Run(os.Args[1:], os.Stdout, os.Stderr))
}
