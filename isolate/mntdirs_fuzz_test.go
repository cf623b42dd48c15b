package isolate

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever is typed is either refused with a remedy or becomes mounts of
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
			var setup *SetupError
			if !errors.As(err, &setup) || Hint(err) == "" || mounts != nil {
				t.Fatalf("%q: %v, hint %q, %v", s, err, Hint(err), mounts)
			}
			return
		}
		var entries []string
		for _, m := range mounts {
			for _, path := range []string{m.Target, m.Source} {
				if path == "" && m.Access == Masked {
					continue
				}
				if !filepath.IsAbs(path) || filepath.Clean(path) != path || strings.ContainsRune(path, 0) {
					t.Errorf("%q: the path %q", s, path)
				}
			}
			entries = append(entries, asEntry(m))
		}
		again, err := ParseMounts(strings.Join(entries, " "), "/elsewhere", "")
		if err != nil {
			t.Fatalf("%q, written as %q: %v", s, entries, err)
		}
		if diff := cmp.Diff(mounts, again); diff != "" {
			t.Errorf("%q, written as %q, - read first + read again:\n%s", s, entries, diff)
		}
	})
}

// asEntry writes a mount in the syntax of MNTDIRS.
func asEntry(m Mount) string {
	escape := strings.NewReplacer(`\`, `\\`, " ", `\ `, "\t", "\\\t", "\n", "\\\n", "=", `\=`).Replace
	words := []string{"rbind"}
	switch m.Access {
	case ReadOnly:
		words = append(words, "ro")
	case CopyOnWrite:
		words = append(words, "cow")
	}
	if m.Optional {
		words = append(words, "try")
	}
	source := "none"
	if m.Access != Masked {
		source = escape(m.Source)
	}
	return strings.Join(words, ",") + ":" + escape(m.Target) + "=" + source
}
