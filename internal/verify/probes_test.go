package verify

import (
	"strings"
	"testing"
)

// Each language tries every probe, and no placeholder is left in its program.
func TestDialects(t *testing.T) {
	values := map[string]string{"SECRET": "v1", "TARGET": "v2", "KEYS": "v3", "DECOY": "v4", "TOKEN": "v5", "PORT": "v6"}
	for _, d := range dialects {
		program, err := d.program(values)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range values {
			if strings.Contains(program, "%"+name+"%") || !strings.Contains(program, `"`+value+`"`) {
				t.Errorf("%v: %s is left, or not used", d.languages, name)
			}
		}
		for _, p := range probes {
			if !strings.Contains(program, "probe "+p.Name) && !strings.Contains(program, `probe("`+p.Name) {
				t.Errorf("%v: no probe %s", d.languages, p.Name)
			}
		}
	}
}
