// Command attacker tries the attacks of package attack, where it is started.
package main

import (
	"os"

	"isolate-namespace/isolate/internal/attack"
)

func main() {
	os.Exit(attack.Main(os.Args[1:]))
}
