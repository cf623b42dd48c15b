package kernelspec

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReduce(t *testing.T) {
	cases := []struct{ in, want []string }{
		{[]string{"/opt/a/lib", "/opt/a", "/opt/ab", "/usr/lib/x", "/usr", "/", "/opt/a"}, []string{"/opt/a", "/opt/ab"}},
		{[]string{"relative", "/lib/x", "/home/u/venv/"}, []string{"/home/u/venv"}},
	}
	for _, c := range cases {
		if diff := cmp.Diff(c.want, reduce(c.in)); diff != "" {
			t.Errorf("reduce(%v):\n%s", c.in, diff)
		}
	}
}
