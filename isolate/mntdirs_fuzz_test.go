package isolate

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever is typed is either refused or becomes mounts of
// absolute, clean paths; and mounts written out again are read as the same.
func FuzzParseMounts(f *testing.F) {
	for _, seed := range []string{
		".", "ro:/data ~/x", "ro,try,rbind:/a=/b", "/etc/fonts=none", `/a\ b cow:/c\ d=/e\ f`, `/a\=b`, `\~ ~ ./~`, "x=ro", "/a:b", "try:/x=none", "../../..", "\\", "/a\x00b", "=", "ro:", ",:/x", "/\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		mounts, err := ParseMounts(s, "/work dir", "/home/ann")
		if err != nil {
			if kindOf(err) != KindEntry || mounts != nil {
				t.Fatalf("%q: %v of kind %q, %v", s, err, kindOf(err), mounts)
			}
			return
		}

		for _, m := range mounts {
			for _, path := range []string{m.Target, m.Source} {
				if path == "" && m.Access == AccessMasked {
					continue
				}
				if !filepath.IsAbs(path) || filepath.Clean(path) != path || strings.ContainsRune(path, 0) {
					t.Errorf("%q: the path %q", s, path)
				}
			}
		}

		written := FormatMounts(mounts)
		again, err := ParseMounts(written, "/elsewhere", "")
		if err != nil {
			t.Fatalf("%q, written as %q: %v", s, written, err)
		}
		if diff := cmp.Diff(mounts, again); diff != "" {
			t.Errorf("%q, written as %q, - read first + read again:\n%s", s, written, diff)
		}
	})
}
