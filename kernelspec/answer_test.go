package kernelspec

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// What an interpreter prints doesn't fill the memory.
func TestAnswer(t *testing.T) {
	for _, c := range []struct {
		name, script string
		out, errs    string
		err          error
	}{
		{"both", "echo a; echo b >&2", "a\n", "b\n", nil},
		{"endless output", "echo last >&2; exec yes", "", "", errEndless},
		{"long errors", "yes | head -c 10000000 >&2; echo b >&2", "", "b\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, err := answer("/bin/sh", []string{"-c", c.script}, os.Environ())
			if string(out) != c.out || !strings.HasSuffix(errs, c.errs) || len(errs) > 100_000 || !errors.Is(err, c.err) {
				t.Errorf("%.9q, %d bytes of errors, %v", out, len(errs), err)
			}
		})
	}
}
