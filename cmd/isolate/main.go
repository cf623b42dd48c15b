// To find out how many processors the control group allows takes a fiftieth of a start.

//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Isolate runs a program that sees only the directories it was given.
package main

import (
	"os"

	"isolate-namespace/internal/end"
)

func main() {
	growStack(len(os.Args))
	status, sig := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if sig != 0 {
		end.BySignal(sig)
	}
	os.Exit(status)
}

// growStack has the stack grow at once to the size that it will need: step by step it is
// copied each time, which takes a fiftieth of a start.
//
//go:noinline
func growStack(i int) byte {
	var room [7 << 10]byte
	return room[i&1]
}
