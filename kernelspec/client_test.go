package kernelspec

import (
	"strings"
	"testing"
)

// Each language tries every probe, and no placeholder is left in its program.
func TestDialects(t *testing.T) {
	values := map[string]string{"SECRET": "a", "TARGET": "b", "KEYS": "c", "DECOY": "d", "TOKEN": "e", "PORT": "1"}
	for _, d := range dialects {
		program := d.program(values)
		for name := range values {
			if strings.Contains(program, "%"+name+"%") || !strings.Contains(d.probes, "%"+name+"%") {
				t.Errorf("%v: %s is left, or not used", d.languages, name)
			}
		}
		for _, p := range Probes {
			if !strings.Contains(program, "probe "+p.Name) && !strings.Contains(program, `probe("`+p.Name) {
				t.Errorf("%v: no probe %s", d.languages, p.Name)
			}
		}
	}
}
