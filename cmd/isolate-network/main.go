// Isolate-network connects the programs of one sandbox to the services that its policy
// names. isolate and isolate-kernel start it.
package main

import (
	"os"
	"strings"

	_ "isolate-namespace/internal/inherited" // has the first instruction of every command
	"isolate-namespace/internal/network"
	"isolate-namespace/internal/text"
	"isolate-namespace/internal/version"
)

const usage = `Usage: isolate and isolate-kernel start this program.

It connects the programs of one sandbox to the services that --connect and
--allow-host name.
`

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		text.NewOutput(os.Stdout).Line("%s", version.Line("isolate-network"))
		return
	}
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-") {
		text.NewOutput(os.Stdout).Lines(usage)
		return
	}
	if err := network.Run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		text.NewOutput(os.Stderr).Complain("isolate-network", err.Error(), "")
		os.Exit(1)
	}
}
