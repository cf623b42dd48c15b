package launcher

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	"isolate-namespace/internal/manual"
)

// TestManualHasEveryOption compares the description that the man page and the
// completions are made of with --help, and has each option understood.
func TestManualHasEveryOption(t *testing.T) {
	page, err := manual.Read("isolate-kernel")
	if err != nil {
		t.Fatal(err)
	}
	described, shown := map[string]bool{}, map[string]bool{}
	value := map[string]string{"MODE": "none", "SIZE|none": "none", "N|none": "none", "SIZE": "100M", "N": "3", "T": "90", "ENTRIES": ".", "NAME[=VALUE]": "A=b"}
	for _, o := range page.Options {
		for _, name := range o.Names {
			described[name] = true
			args := []string{name}
			for _, v := range o.Values {
				args = append(args, value[v])
			}
			if _, err := parseOptions(append(args, "--", "true")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, name := range regexp.MustCompile(`(?m)(?:^|[ ,])(--?[a-z][a-z-]*)(?: |,|$)`).FindAllStringSubmatch(usage, -1) {
		shown[name[1]] = true
	}
	if !maps.Equal(described, shown) {
		t.Errorf("the manual has %v\n--help has %v", slices.Sorted(maps.Keys(described)), slices.Sorted(maps.Keys(shown)))
	}
}
