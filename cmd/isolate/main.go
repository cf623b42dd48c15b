// Isolate runs a program that sees only the directories it was given.
package main

import (
	"os"

	"isolate-namespace/internal/end"
)

func main() {
	status, sig := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if sig != 0 {
		end.BySignal(sig)
	}
	os.Exit(status)
}
