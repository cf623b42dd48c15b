package isolate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// cowPolicy shows a directory with some files copy-on-write.
func cowPolicy(t *testing.T) (p Policy, dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range map[string]string{"answer": "41\n", "data/in": "input\n", "name with: colon, comma/x": "x\n"} {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p = in(dir)
	p.Mounts[0].Access = AccessCopyOnWrite
	return p, dir
}

const changeAll = `set -e
	cat answer data/in "name with: colon, comma/x"
	echo 42 >> answer; rm -r data; mkdir data; echo new > data/out
	mv "name with: colon, comma" moved; echo y >> moved/x
	cat answer moved/x; ls data`

const changedAll = "41\ninput\nx\n41\n42\nx\ny\nout\n"

// forgetsDirectories reports whether a copy in memory can't remove a directory: what
// became of it is kept in attributes that a tmpfs takes since Linux 6.6.
func forgetsDirectories(t *testing.T) bool {
	f, err := os.CreateTemp("/dev/shm", "")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	return unix.Fsetxattr(int(f.Fd()), "user.isolate", nil, 0) == unix.EOPNOTSUPP
}

// The same program gives the same result twice, and the host's files stay.
func TestCopyOnWrite(t *testing.T) {
	p, dir := cowPolicy(t)
	changeAll := changeAll
	if forgetsDirectories(t) {
		changeAll = strings.NewReplacer("rm -r data; mkdir data", "rm data/in", "mv \"name", "mkdir moved; mv \"name", "comma\" moved", "comma/x\" moved").Replace(changeAll)
	}
	for range 2 {
		if out, err := sh(t, p, changeAll); err != nil || out != changedAll {
			t.Fatalf("%v, output %q, want %q", err, out, changedAll)
		}
	}
	for name, want := range map[string]string{"answer": "41\n", "data/in": "input\n", "name with: colon, comma/x": "x\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s is now %q, %v", name, got, err)
		}
	}

	// Without it they change.
	p.Mounts[0].Access = AccessWritable
	if out, err := sh(t, p, changeAll); err != nil || out != changedAll {
		t.Fatalf("writable: %v, output %q", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "data/in")); err == nil {
		t.Error("writable: nothing has changed")
	}
}

func TestCopyOnWriteDirKeepsTheChanges(t *testing.T) {
	p, dir := cowPolicy(t)
	p.CowDir = t.TempDir()
	if out, err := sh(t, p, changeAll); err != nil || out != changedAll {
		t.Fatalf("%v, output %q", err, out)
	}

	kept := filepath.Join(p.CowDir, dir)
	if got, err := os.ReadFile(filepath.Join(kept, "answer")); string(got) != "41\n42\n" {
		t.Errorf("kept answer is %q, %v", got, err)
	}
	if got, err := os.ReadFile(filepath.Join(kept, "data/out")); string(got) != "new\n" {
		t.Errorf("kept data/out is %q, %v", got, err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "answer")); string(got) != "41\n" {
		t.Errorf("the host's answer is %q", got)
	}
	if left, _ := filepath.Glob(p.CowDir + "/.*"); len(left) > 0 {
		t.Errorf("left besides the changes: %v", left)
	}
	if _, err := sh(t, p, "true"); err == nil || !strings.Contains(err.Error(), "has changes already") {
		t.Errorf("used again: %v", err)
	}
}

func TestCopyOnWriteDirRefused(t *testing.T) {
	p, dir := cowPolicy(t)
	writable := t.TempDir()
	p.Mounts = append(p.Mounts, Writable(writable))
	for cowDir, want := range map[string]string{
		filepath.Join(dir, "data"):            "which the program can change",
		writable:                              "which the program can change",
		filepath.Join(t.TempDir(), "nothing"): "no such file",
		filepath.Join(dir, "answer"):          "not a directory",
	} {
		p.CowDir = cowDir
		if _, err := sh(t, p, "true"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", cowDir, err, want)
		}
	}
}
