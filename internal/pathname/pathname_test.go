package pathname

import "testing"

func TestBelow(t *testing.T) {
	for _, c := range []struct {
		path, dir, rest string
		ok              bool
	}{
		{"/a/b", "/a", "/b", true}, {"/a", "/a", "", true}, {"/ab", "/a", "b", false}, {"/a", "/", "/a", true},
		{"/", "/", "/", true}, {"/", "/a", "/", false}, {"/a", "/a/b", "/a", false},
	} {
		if rest, ok := Below(c.path, c.dir); ok != c.ok || ok && rest != c.rest {
			t.Errorf("%s below %s: %q, %v", c.path, c.dir, rest, ok)
		}
	}
}
