package isolate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A mount that is wherever its source is shown covers that by every name, and
// leaves what the policy has there.
func TestWherever(t *testing.T) {
	dir := files(t, "work/secret/key", "work/notes", "work/other/x", "to -> work")
	at := func(name string) string { return filepath.Join(dir, name) }
	base := []Mount{
		Writable(at("work")), Writable(at("to")).At("/b"), ReadOnly(dir).At("/c"),
		Writable(at("work")).At("/d"), ReadOnly(at("work/other")).At("/d/secret"),
		Writable(at("work/secret")).At("/e"),
	}
	for _, c := range []struct {
		name   string
		mount  Mount
		script string
		want   string
	}{
		{"control", Masked(at("none")).WhereverShown(), "cat D/work/secret/key /b/secret/key /c/work/secret/key /d/secret/x /e/key",
			"work/secret/key\nwork/secret/key\nwork/secret/key\nwork/other/x\nwork/secret/key\n"},
		{"masked", Masked(at("work/secret")).WhereverShown(), "ls -A D/work/secret /b/secret /c/work/secret | grep key; cat /d/secret/x /e/key",
			"work/other/x\nwork/secret/key\n"},
		{"private", Private(at("to/secret")).WhereverShown(), "for d in D/work /b /c/work; do cat $d/secret/key; echo own > $d/secret/key; cat $d/secret/key; done 2>/dev/null",
			"own\nown\nown\n"},
		{"a masked file", Masked(at("work/notes")).WhereverShown(), "cat D/work/notes /b/notes /c/work/notes", ""},
		{"read-only", ReadOnly(at("work/secret")).WhereverShown(), "for d in D/work/secret /b/secret /c/work/secret /e; do touch $d/new 2>/dev/null && echo $d; done",
			"/e\n"},
		{"what is every sandbox's own", Private("/proc").WhereverShown(), "cat /proc/self/comm", "cat\n"},
	} {
		out, err := sh(t, Policy{Dir: "/", Home: "/home/tester", Mounts: append(base, c.mount)}, strings.ReplaceAll(c.script, "D/", dir+"/"))
		if out != c.want {
			t.Errorf("%s: %q, %v; want %q", c.name, out, err, c.want)
		}
		os.Remove(at("work/secret/new"))
	}
}

func TestShows(t *testing.T) {
	dir := files(t, "work/a/b", "to -> work")
	at := func(name string) string { return filepath.Join(dir, name) }
	p := Policy{Dir: "/", Home: "/home/tester", Mounts: []Mount{
		Writable(at("work")).At("/w"), ReadOnly(at("to/a")).At("/r"), CopyOnWrite(at("work")).At("/c"),
		ReadOnly(at("work")).At("/m"), Masked("/m/a"),
	}}
	for path, want := range map[string][]Place{
		at("to/a"):   {{"/c/a", AccessCopyOnWrite}, {"/r", AccessReadOnly}, {"/w/a", AccessWritable}},
		at("work"):   {{"/c", AccessCopyOnWrite}, {"/m", AccessReadOnly}, {"/w", AccessWritable}},
		at("work/x"): nil,
		dir:          nil,
		"/usr/bin":   {{"/usr/bin", AccessReadOnly}},
	} {
		got, err := p.Shows(path)
		if err != nil {
			t.Fatal(err)
		}
		less := func(a, b Place) bool { return a.Path < b.Path }
		if diff := cmp.Diff(want, got, cmpopts.SortSlices(less)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

// A file that is kept from the program in a directory where that can write
// may have no other name.
func TestProtectedFileWithAnotherName(t *testing.T) {
	dir := files(t, "work/test", "work/single")
	if err := os.Link(filepath.Join(dir, "work/test"), filepath.Join(dir, "work/.x")); err != nil {
		t.Fatal(err)
	}

	work, test := filepath.Join(dir, "work"), filepath.Join(dir, "work/test")
	for _, c := range []struct {
		name    string
		mounts  []Mount
		refused bool
	}{
		{"read-only", []Mount{Writable(work), ReadOnly(test)}, true},
		{"masked", []Mount{Writable(work), Masked(test)}, true},
		{"of another name only", []Mount{Writable(work), ReadOnly(filepath.Join(work, "single"))}, false},
		{"masked in what is read-only", []Mount{ReadOnly(work), Masked(test)}, true},
		{"masked in a copy", []Mount{CopyOnWrite(work), Masked(test)}, true},
		{"read-only in what is", []Mount{ReadOnly(work), ReadOnly(test)}, false},
		{"read-only in a copy", []Mount{CopyOnWrite(work), ReadOnly(test)}, false},
		{"under another file", []Mount{Writable(work), ReadOnly(filepath.Join(work, "single")).At(test)}, false},
	} {
		_, err := sh(t, Policy{Dir: "/", Home: "/home/tester", Mounts: c.mounts}, "true")
		if got := err != nil && strings.Contains(err.Error(), "it has 2 names"); got != c.refused || !c.refused && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
