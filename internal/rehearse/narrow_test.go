package rehearse

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What mends a twin never shows a student the work of others, the gradebook or solutions.
func TestNarrow(t *testing.T) {
	root := realTemp(t)
	lay(t, root, "course/nbgrader_config.py", "course/gradebook.db", "course/config.txt", "course/source/ps1/own.csv", "course/source/ps2/b.csv",
		"course/source/ps1/data/c.csv", "course/source/shared.csv", "course/autograded/shared.csv", "course/submitted/ann/ps1/a.ipynb", "course/data/a.csv", "other/nbgrader_config.py", "other/x")
	p := &place{source: filepath.Join(root, "course/source/ps1"), dir: filepath.Join(root, "course/autograded/rehearsal/ps1"), course: true}

	for _, c := range []struct{ entry, files, want string }{
		{"ro:course/data", "course/data/a.csv", "ro:course/data"},
		{"ro:course/source/ps1/data", "course/source/ps1/data/c.csv", "ro:course/source/ps1/data"},
		{"ro:course", "course/config.txt", "ro:course/config.txt"},
		{"course", "course/config.txt", "ro:course/config.txt"}, // it was only read
		{"ro:course", "course", "wide"},
		{"ro:course", "course/gradebook.db course/config.txt", "wide ro:course/config.txt"},
		{"ro:.", "course", "wide"},
		{"ro:course/source", "course/source/shared.csv", "ro:course/source/shared.csv"},
		{"ro:course/source/ps1", "course/source/ps1/own.csv", "ro:course/source/ps1/own.csv"},
		{"ro:course/source/ps2", "course/source/ps2", "wide"},
		{"ro:course/autograded", "course/autograded/shared.csv", "wide"},
		{"ro:course/submitted/ann/ps1", "course/submitted/ann/ps1/a.ipynb", "wide"},
		{"ro:other", "other/x", "ro:other/x"},
	} {
		full := func(entry string) string {
			path, ro := strings.CutPrefix(entry, "ro:")
			path = filepath.Join(root, path)
			if ro {
				return "ro:" + path
			}
			return path
		}
		entry := full(c.entry)
		g := MissedGroup{Entry: &entry}
		for _, f := range strings.Fields(c.files) {
			g.Files = append(g.Files, MissedFile{Path: full(f), Use: "read", Count: 1})
		}
		var got []string
		for _, g := range p.narrow(&Missed{Groups: []MissedGroup{g}}).Groups {
			got = append(got, strings.ReplaceAll(textOf(g.Entry), root+"/", "")+textOf(g.Reason))
		}
		if diff := cmp.Diff(strings.Fields(c.want), got); diff != "" {
			t.Errorf("%s for %s: want - got +:\n%s", c.entry, c.files, diff)
		}
	}
}
