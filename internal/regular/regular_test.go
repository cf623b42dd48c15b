package regular

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What isn't a regular file is not opened, and links are followed only where
// that is asked for. In the control an ordinary open gets through to it, or
// hangs.
func TestOpenOnlyRegularFiles(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	openIn := func(path string) (*os.File, error) {
		inside, err := filepath.Rel(dir, path)
		if err != nil {
			return nil, err
		}
		return OpenIn(root, inside)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	err = errors.Join(os.Mkdir(at("dir"), 0o755), os.WriteFile(at("dir/file"), []byte("text"), 0o644), unix.Mkfifo(at("fifo"), 0o644),
		os.Symlink("dir/file", at("link")), os.Symlink("dir", at("linked")), os.Symlink("/dev/zero", at("zero")), os.Symlink("fifo", at("piped")),
		os.WriteFile(filepath.Join(outside, "file"), nil, 0o644), os.Symlink(filepath.Join(outside, "file"), at("out")), os.Symlink(outside, at("linked-out")))
	if err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		path        string
		there, here bool // Open and OpenHere open it
		in          bool // OpenIn does, in the directory
		hangs       bool
	}{
		{path: at("dir/file"), there: true, here: true, in: true},
		{path: at("link"), there: true, in: true}, {path: at("linked/file"), there: true, in: true},
		{path: at("out"), there: true}, {path: at("linked-out/file"), there: true},
		{path: at("dir")}, {path: "/dev/zero"}, {path: "/dev/null"}, {path: at("zero")},
		{path: at("fifo"), hangs: true}, {path: at("piped"), hangs: true},
	} {
		for name, f := range map[string]struct {
			open func(string) (*os.File, error)
			want bool
		}{"Open": {Open, c.there}, "OpenHere": {OpenHere, c.here}, "OpenIn": {openIn, c.in}} {
			opened, err := f.open(c.path)
			if (err == nil) != f.want {
				t.Errorf("%s(%s): %v", name, c.path, err)
			}
			opened.Close()
		}
		if opensPlainly(t, c.path) == c.hangs {
			t.Errorf("control: %s: hangs %v", c.path, !c.hangs)
		}
	}
}

// opensPlainly reports whether an ordinary open returns at once.
func opensPlainly(t *testing.T, path string) bool {
	t.Helper()
	opened := make(chan error, 1)
	go func() {
		f, err := os.Open(path)
		f.Close()
		opened <- err
	}()
	select {
	case err := <-opened:
		return err == nil
	case <-time.After(100 * time.Millisecond):
	}
	end, err := os.OpenFile(path, os.O_RDWR, 0) // lets the other one go
	if err != nil {
		t.Fatal(err)
	}
	<-opened
	end.Close()
	return false
}

// A file is read whole or not at all, and one of holes isn't read.
func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if text, err := Read(path, 4); string(text) != "text" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if text, err := Read(path, 3); text != nil || err != ErrLong {
		t.Errorf("%q, %v", text, err)
	}
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Fatal(err)
	}
	if text, err := Read(path, 1<<20); text != nil || err != ErrLong {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if _, err := Read(path+".gone", 1); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestExecutable(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"program": 0o755, "text": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("program", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"program": true, "link": true, "text": false, ".": false, "gone": false} {
		if got := Executable(filepath.Join(dir, name)); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSame(t *testing.T) {
	dir := t.TempDir()
	long := string(make([]byte, 100_000))
	for _, c := range []struct {
		a, b string
		want bool
	}{{"", "", true}, {"a", "a", true}, {"a", "b", false}, {"a", "aa", false}, {long, long, true}, {long + "a", long + "b", false}} {
		var opened []*os.File
		for i, text := range []string{c.a, c.b} {
			path := filepath.Join(dir, string(rune('a'+i)))
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			f, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			opened = append(opened, f)
		}
		if Same(opened[0], opened[1]) != c.want {
			t.Errorf("%.9q and %.9q: %v", c.a, c.b, !c.want)
		}
	}
}
