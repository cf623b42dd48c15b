// Isolate-kernelspec makes isolated twins of installed Jupyter kernels.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
