// Command write makes the filters that package seccomp holds; go generate
// runs it there.
package main

import (
	"log"
	"os"

	"isolate-namespace/isolate/internal/seccomp/gen"
)

func main() {
	for _, goarch := range []string{"amd64", "arm64"} {
		text, err := gen.Source(goarch)
		if err == nil {
			err = os.WriteFile("filters_"+goarch+".go", text, 0o644)
		}
		if err != nil {
			log.Fatalf("write the filter for %s: %v", goarch, err)
		}
	}
}
