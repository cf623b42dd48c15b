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
		{Source: at("work"), Access: Writable}, {Source: at("to"), Target: "/b", Access: Writable}, {Source: dir, Target: "/c", Access: ReadOnly},
		{Source: at("work"), Target: "/d", Access: Writable}, {Source: at("work/other"), Target: "/d/secret", Access: ReadOnly},
		{Source: at("work/secret"), Target: "/e", Access: Writable},
	}
	for _, c := range []struct {
		name   string
		mount  Mount
		script string
		want   string
	}{
		{"control", Mount{Source: at("none"), Access: Masked, Wherever: true}, "cat D/work/secret/key /b/secret/key /c/work/secret/key /d/secret/x /e/key",
			"work/secret/key\nwork/secret/key\nwork/secret/key\nwork/other/x\nwork/secret/key\n"},
		{"masked", Mount{Source: at("work/secret"), Access: Masked, Wherever: true}, "ls -A D/work/secret /b/secret /c/work/secret | grep key; cat /d/secret/x /e/key",
			"work/other/x\nwork/secret/key\n"},
		{"private", Mount{Source: at("to/secret"), Access: Private, Wherever: true}, "for d in D/work /b /c/work; do cat $d/secret/key; echo own > $d/secret/key; cat $d/secret/key; done 2>/dev/null",
			"own\nown\nown\n"},
		{"a masked file", Mount{Source: at("work/notes"), Access: Masked, Wherever: true}, "cat D/work/notes /b/notes /c/work/notes", ""},
		{"read-only", Mount{Source: at("work/secret"), Access: ReadOnly, Wherever: true}, "for d in D/work/secret /b/secret /c/work/secret /e; do touch $d/new 2>/dev/null && echo $d; done",
			"/e\n"},
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
		{Source: at("work"), Target: "/w", Access: Writable}, {Source: at("to/a"), Target: "/r", Access: ReadOnly}, {Source: at("work"), Target: "/c", Access: CopyOnWrite},
		{Source: at("work"), Target: "/m", Access: ReadOnly}, {Target: "/m/a", Access: Masked},
	}}
	for path, want := range map[string][]Place{
		at("to/a"):   {{"/c/a", CopyOnWrite}, {"/r", ReadOnly}, {"/w/a", Writable}},
		at("work"):   {{"/c", CopyOnWrite}, {"/m", ReadOnly}, {"/w", Writable}},
		at("work/x"): nil,
		dir:          nil,
		"/usr/bin":   {{"/usr/bin", ReadOnly}},
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
		{"read-only", []Mount{{Source: work, Access: Writable}, {Source: test, Access: ReadOnly}}, true},
		{"masked", []Mount{{Source: work, Access: Writable}, {Target: test, Access: Masked}}, true},
		{"of another name only", []Mount{{Source: work, Access: Writable}, {Source: filepath.Join(work, "single"), Access: ReadOnly}}, false},
		{"in what is read-only", []Mount{{Source: work, Access: ReadOnly}, {Target: test, Access: Masked}}, false},
		{"in a copy", []Mount{{Source: work, Access: CopyOnWrite}, {Source: test, Access: ReadOnly}}, false},
		{"under another file", []Mount{{Source: work, Access: Writable}, {Source: filepath.Join(work, "single"), Target: test, Access: ReadOnly}}, false},
	} {
		_, err := sh(t, Policy{Dir: "/", Home: "/home/tester", Mounts: c.mounts}, "true")
		if got := err != nil && strings.Contains(err.Error(), "it has 2 names"); got != c.refused || !c.refused && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
