package kernelspec

import (
	"strings"
	"testing"
)

func TestNotFoundNamesTheNearest(t *testing.T) {
	j := &Jupyter{specs: map[string]found{"python3": {}, "ir": {}, "julia-1.10": {}}}
	const all = "here are: ir, julia-1.10, python3"
	for name, want := range map[string]string{
		"pyhton3": "did you mean python3? T" + all, "Pyton3-isolated": "did you mean python3? T" + all,
		"nosuch": "t" + all, "nosuchthing": "t" + all, "x": "t" + all, "r": "t" + all, "julia-2.0": "did you mean julia-1.10? T" + all,
	} {
		if _, err := j.Find(name); err == nil || Remedy(err) != want {
			t.Errorf("%s: %v; %s", name, err, Remedy(err))
		}
	}
	if _, err := j.Find("a/b"); err == nil || !strings.Contains(err.Error(), "no kernel's name") {
		t.Error(err)
	}
}
