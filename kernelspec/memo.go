package kernelspec

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/regular"
	"isolate-namespace/internal/version"
)

// A memo is an answer of Wrap in a file, so that a kernel's start needn't wait for its
// interpreter to be asked each time. It holds as long as every file that the answer
// came from is as it was: the interpreter, the directories that it imports from and
// the .pth files in them.
type memo struct {
	path string // "" if there is no place for it
	key  string
}

// A remembered is a memo's file.
type remembered struct {
	Key   string            `json:"key"`
	Files map[string]string `json:"files"` // what each was, by its path
	Start *Start            `json:"start"`
}

// passing are variables that differ from one start to the next and that no
// interpreter looks at to find its packages.
var passing = []string{"JPY_SESSION_NAME", "JPY_PARENT_PID", "JPY_INTERRUPT_EVENT", "PWD", "OLDPWD", "SHLVL", "_"}

// newMemo returns the memo for one kernel with these options.
func newMemo(base *Kernel, o Options) memo {
	environ := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(passing, name)
	})
	slices.Sort(environ)
	all, err := json.Marshal([]any{version.Line(o.Launcher), base.Dir, base.Spec, o.Sandbox.Words(), o.NoDebugger, environ})
	cache, noCache := os.UserCacheDir()
	if err != nil || noCache != nil {
		return memo{}
	}

	// Values of the environment may be secrets: the file holds their sum alone.
	key := fmt.Sprintf("%x", sha256.Sum256(all))
	return memo{filepath.Join(cache, "isolate-kernel", key+".json"), key}
}

// recall returns the answer if it still holds, or nil.
func (m memo) recall() *Start {
	if m.path == "" {
		return nil
	}
	data, err := readOwn(m.path)
	if err != nil {
		return nil
	}
	var r remembered
	if json.Unmarshal(data, &r) != nil || r.Key != m.key || r.Start == nil {
		return nil
	}
	for path, was := range r.Files {
		if state(path) != was {
			return nil
		}
	}
	return r.Start
}

// readOwn reads a file that nobody but us can have written: XDG_CACHE_HOME may lie where
// others write, and what a memo says is run without isolation.
func readOwn(path string) ([]byte, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var s unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &s); err != nil {
		return nil, err
	}
	if int(s.Uid) != os.Geteuid() || s.Mode&0o022 != 0 {
		return nil, fs.ErrPermission
	}
	return io.ReadAll(io.LimitReader(f, maxSize))
}

// keep writes the answer down with the state of what it came from. A failure costs the
// next start some time and nothing else.
func (m memo) keep(start *Start, paths []string) {
	if m.path == "" {
		return
	}
	r := remembered{m.key, map[string]string{}, start}
	for _, path := range paths {
		for _, file := range append(linksTo(path), pathFiles(path)...) {
			r.Files[file] = state(file)
		}
	}
	data, err := json.Marshal(r)
	if err != nil {
		return
	}
	dir := filepath.Dir(m.path)
	if os.MkdirAll(dir, 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(dir, ".new-")
	if err != nil {
		return
	}
	_, err = f.Write(data)
	if f.Close() != nil || err != nil || os.Rename(f.Name(), m.path) != nil {
		os.Remove(f.Name())
	}
}

// pathFiles returns the .pth files of a directory, and the pyvenv.cfg that a Python in
// it reads.
func pathFiles(dir string) []string {
	names, err := fs.Glob(os.DirFS(dir), "*.pth")
	if err != nil {
		return nil
	}
	files := []string{filepath.Join(dir, "pyvenv.cfg")}
	for _, name := range names {
		files = append(files, filepath.Join(dir, name))
	}
	return files
}

// state says what a file is, in a way that differs once it has been replaced or changed.
func state(path string) string {
	var s unix.Stat_t
	if err := unix.Lstat(path, &s); err != nil {
		return err.Error()
	}
	return fmt.Sprint(s.Dev, s.Ino, s.Size, s.Mtim, s.Ctim)
}
