package main

import (
	"context"

	"isolate-namespace/internal/verify"
	"isolate-namespace/isolate"
	"isolate-namespace/kernelspec"
)

// trier returns what says why a kernel doesn't start, for kernelspec.Options. On
// a machine where no sandbox can be made it says that instead.
func trier(ctx context.Context, j *kernelspec.Jupyter) func(*kernelspec.Kernel) error {
	return func(kernel *kernelspec.Kernel) error {
		if err := isolate.Command(isolate.Policy{Dir: "/"}, "/bin/true").Run(); err != nil {
			return &kernelspec.Untried{Reason: err.Error()}
		}
		return verify.Starts(ctx, j, kernel)
	}
}
