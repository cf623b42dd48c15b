package rehearse

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"isolate-namespace/internal/notebook"
	"isolate-namespace/kernelspec"
)

// lay makes files with their directories; what ends with a slash is a directory.
func lay(t *testing.T, root string, paths ...string) {
	t.Helper()
	for _, path := range paths {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if strings.HasSuffix(path, "/") {
			err = os.MkdirAll(full, 0o755)
		} else {
			err = os.WriteFile(full, []byte(path), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func realTemp(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFindPlace(t *testing.T) {
	root := realTemp(t)
	lay(t, root, "course/nbgrader_config.py", "course/source/ps1/sub/", "course/tools/", "course/submitted/ann/ps1/",
		"used/source/ps1/", "used/gradebook.db", "fresh/source/ps1/", "plain/")
	if err := os.Symlink("course/source/ps1", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	graded := &notebook.Notebook{Cells: []notebook.Cell{{Grade: &notebook.Grade{ID: "a"}}}}
	ps1 := &place{source: "course/source/ps1", dir: "course/autograded/rehearsal/ps1", course: true}

	for _, c := range []struct {
		notebook string
		content  *notebook.Notebook
		want     *place
	}{
		{"course/source/ps1/a.ipynb", &notebook.Notebook{}, ps1},
		{"link/a.ipynb", &notebook.Notebook{}, ps1},
		{"course/source/ps1/sub/a.ipynb", &notebook.Notebook{}, &place{source: ps1.source, dir: ps1.dir, below: "sub", course: true}},
		{"course/tools/a.ipynb", graded, &place{source: "course/tools", dir: "course/tools"}},
		{"used/source/ps1/a.ipynb", &notebook.Notebook{}, &place{source: "used/source/ps1", dir: "used/autograded/rehearsal/ps1", course: true}},
		{"fresh/source/ps1/a.ipynb", graded, &place{source: "fresh/source/ps1", dir: "fresh/autograded/rehearsal/ps1", course: true}},
		{"fresh/source/ps1/a.ipynb", &notebook.Notebook{}, &place{source: "fresh/source/ps1", dir: "fresh/source/ps1"}},
		{"plain/a.ipynb", graded, &place{source: "plain", dir: "plain"}},
	} {
		got, err := findPlace(filepath.Join(root, c.notebook), c.content)
		if err != nil {
			t.Errorf("%s: %v", c.notebook, err)
			continue
		}
		want := *c.want
		want.source, want.dir = filepath.Join(root, want.source), filepath.Join(root, want.dir)
		if diff := cmp.Diff(&want, got, cmp.AllowUnexported(place{})); diff != "" {
			t.Errorf("%s: want - got +:\n%s", c.notebook, diff)
		}
	}

}

// The plain kernel doesn't run what a student has written, whatever else the student has
// handed in.
func TestStudentsWorkIsRefused(t *testing.T) {
	root := realTemp(t)
	lay(t, root, "course/nbgrader_config.py", "course/submitted/ann/ps1/a.ipynb", "course/source/ps1/own.ipynb",
		"course/submitted/bob/ps1/nbgrader_config.py", "course/submitted/bob/ps1/source/x/a.ipynb", "course/submitted/bob/gradebook.db",
		"course/downloaded/ps1/extracted/a.ipynb", "course/autograded/ann/ps1/sub/a.ipynb",
		"bare/release/", "bare/submitted/ann/ps1/a.ipynb", "elsewhere/submitted/ann/ps1/a.ipynb",
		"exchange/c/inbound/ann+ps1+2026-01-01 00:00:00 UTC/a.ipynb", "exchange/c/outbound/ps1/a.ipynb", "papers/submitted/a.ipynb", "papers/inbound/a.ipynb")
	for link, to := range map[string]string{"course/source/ps1/link.ipynb": "../../submitted/ann/ps1/a.ipynb", "way": "course/submitted/ann"} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	graded, plain := &notebook.Notebook{Cells: []notebook.Cell{{Grade: &notebook.Grade{ID: "a"}}}}, &notebook.Notebook{}

	for _, c := range []struct {
		path    string
		content *notebook.Notebook
		refused bool
	}{
		{"course/submitted/ann/ps1/a.ipynb", graded, true},
		{"course/submitted/ann/ps1/a.ipynb", plain, true},
		{"course/submitted/bob/ps1/a.ipynb", plain, true},
		{"course/submitted/bob/ps1/source/x/a.ipynb", plain, true},
		{"course/downloaded/ps1/extracted/a.ipynb", plain, true},
		{"course/autograded/ann/ps1/sub/a.ipynb", plain, true},
		{"course/source/ps1/link.ipynb", plain, true},
		{"way/ps1/a.ipynb", plain, true},
		{"bare/submitted/ann/ps1/a.ipynb", plain, true},
		{"elsewhere/submitted/ann/ps1/a.ipynb", graded, true},
		{"exchange/c/inbound/ann+ps1+2026-01-01 00:00:00 UTC/a.ipynb", plain, true},

		{"course/source/ps1/own.ipynb", graded, false},
		{"exchange/c/outbound/ps1/a.ipynb", graded, false},
		{"papers/submitted/a.ipynb", plain, false},
		{"papers/inbound/a.ipynb", plain, false},
	} {
		below, name := filepath.Split(c.path)
		for from, path := range map[string]string{"/": filepath.Join(root, c.path), root: c.path, filepath.Join(root, below): name} {
			t.Chdir(from)
			_, err := findPlace(path, c.content)
			if refused := err != nil && strings.Contains(err.Error(), "where students' notebooks are"); refused != c.refused {
				t.Errorf("%s in %s: %v", path, from, err)
			}
		}
	}
}

// Relative paths lead from the copy where they lead from the folder in which the
// notebook will be graded, and what a notebook writes is in the copy.
func TestStage(t *testing.T) {
	root := realTemp(t)
	lay(t, root, "course/source/ps1/a.ipynb", "course/source/ps1/helper.py", "course/source/ps1/data/a.csv", "course/source/ps1/__pycache__/a.pyc",
		"course/source/ps1/.ipynb_checkpoints/a.ipynb", "course/data/b.csv", "course/autograded/ann/ps1/a.ipynb", "beside/c.csv")
	source := filepath.Join(root, "course/source/ps1")
	if err := os.Symlink("../../data", filepath.Join(source, "linked")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(source, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(source, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(source, 0o755) })

	s := &stage{filepath.Join(realTemp(t), "root"), place{source: source, dir: filepath.Join(root, "course/autograded/rehearsal/ps1"), course: true}}
	if err := s.set(); err != nil {
		t.Fatal(err)
	}
	for path, there := range map[string]bool{
		"a.ipynb": true, "helper.py": true, "data/a.csv": true, "linked/b.csv": true, "../../../data/b.csv": true, "../../../../beside/c.csv": true,
		"../../ann/ps1/a.ipynb": true, "../../../source/ps1/helper.py": true, "../../../../course/data/b.csv": true,
		"pipe": false, "__pycache__": false, ".ipynb_checkpoints": false, "../ps2": false, "../../data": false,
	} {
		if _, err := os.Stat(filepath.Join(s.work(), path)); (err == nil) != there {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.work(), "helper.py"), []byte("changed"), 0o600); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(filepath.Join(source, "helper.py")); err != nil || string(data) == "changed" {
		t.Errorf("the original is %q, %v", data, err)
	}
}

// Where nbgrader has no part links stay links.
func TestStageKeepsLinks(t *testing.T) {
	root := realTemp(t)
	lay(t, root, "work/a.ipynb", "data/b.csv")
	dir := filepath.Join(root, "work")
	if err := os.Symlink("../data", filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	s := &stage{filepath.Join(realTemp(t), "root"), place{source: dir, dir: dir}}
	if err := s.set(); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(filepath.Join(s.work(), "linked")); err != nil || target != "../data" {
		t.Errorf("%q, %v", target, err)
	}
	if _, err := os.Stat(filepath.Join(s.work(), "linked/b.csv")); err != nil {
		t.Error(err)
	}
}

func TestCopyIsBounded(t *testing.T) {
	dir := realTemp(t)
	lay(t, dir, "small")
	if err := os.Truncate(filepath.Join(dir, "small"), maxCopied+1); err != nil {
		t.Fatal(err)
	}
	var refused *kernelspec.Error
	c := copier{}
	if err := c.dir(dir, filepath.Join(realTemp(t), "copy"), maxLinks); !errors.As(err, &refused) {
		t.Error(err)
	}

	// A link to where it is ends.
	loop := realTemp(t)
	lay(t, loop, "file")
	if err := os.Symlink(".", filepath.Join(loop, "loop")); err != nil {
		t.Fatal(err)
	}
	c = copier{course: true}
	if err := c.dir(loop, filepath.Join(realTemp(t), "copy"), maxLinks); err != nil {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	root := realTemp(t)
	lay(t, root, "source/ps1/b.ipynb", "source/ps1/a.ipynb", "source/ps1/below/c.ipynb", "source/ps1/.hidden.ipynb", "source/ps2/d.ipynb",
		"source/.ipynb_checkpoints/e.ipynb", "source/empty/")
	t.Chdir(root)
	for paths, want := range map[string]string{
		"source/ps1":                    "source/ps1/a.ipynb source/ps1/b.ipynb",
		"source":                        "source/ps1/a.ipynb source/ps1/b.ipynb source/ps2/d.ipynb",
		"source/ps2/d.ipynb source/ps1": "source/ps2/d.ipynb source/ps1/a.ipynb source/ps1/b.ipynb",
		"source/empty":                  "",
		"none.ipynb":                    "",
	} {
		found, err := Find(strings.Fields(paths))
		if got := strings.Join(found, " "); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %s, %v", paths, got, err)
		}
	}
}
