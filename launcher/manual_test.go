package launcher

import (
	"testing"

	"isolate-namespace/isolate"
)

// TestEveryOptionHasAnEffect has each option that is described understood.
func TestEveryOptionHasAnEffect(t *testing.T) {
	value := map[string]string{
		"MODE": "none", "SIZE|none": "none", "N|none": "none", "SIZE": "100M", "N": "3", "T": "90", "ENTRIES": ".", "NAME[=VALUE]": "A=b",
		"HOST:PORT": "localhost:1", "NAME[:PORT]": "a.test",
	}
	limits := map[string]bool{}
	for _, o := range table() {
		limits[o.Name()] = o.Limit
		for _, name := range o.Names {
			args := []string{name}
			for _, v := range o.Following() {
				args = append(args, value[v])
			}
			if _, err := parseOptions(append(args, "--", "true")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, name := range isolate.LimitNames() {
		if !limits["--"+name] {
			t.Errorf("the limit %s is not described", name)
		}
	}
}
