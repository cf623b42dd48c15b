package isolate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/text"

	"isolate-namespace/isolate/internal/executable"
)

// What a person is told of a program that can't run must be true, whoever
// wrote the program's file:
//
//   - Its caller reads no file, and follows no path, that the program could
//     have changed since it was started (fixture).
//   - An entry is proposed only for a path that the person named, in the
//     command or the environment, for one of the system's, and for lib beside
//     the bin that the program was named in (that of conda, of /opt/x). A path
//     that comes from a file or a link is named as the cause and no more, as
//     showing ~/.ssh may be what its writer wants.
//   - Such a path is followed no further than to what is shown inside or lies
//     in the root file system: a look at /net/HOST mounts that host's files. Of
//     the directories in which a file seeks libraries only those are named that
//     administrators put software in.
//   - It is quoted only where it has the characters of a plain name, so that
//     it can't go on as a sentence of ours.

// execRemedy says what a person can do about a program that the kernel would
// not execute, or "". The kernel says "no such file" of a file that is there
// when what it needs is not. Nothing has run.
func (t *tree) execRemedy(name string, p *Policy, errno unix.Errno) string {
	exists := false
	for _, path := range p.places(name) {
		outside, err := t.seen(path)
		if err != nil {
			if remedy := t.absentRemedy(path, p); remedy != "" {
				return remedy
			}
			continue
		}
		exists = true
		if outside == "" {
			continue
		}
		if remedy := t.fileRemedy(outside, p, errno); remedy != "" {
			return remedy
		}
	}
	if !exists {
		return "it is not outside either: check its name, or install it"
	}
	return ""
}

// absentRemedy is execRemedy for a path at which nothing is inside.
func (t *tree) absentRemedy(path string, p *Policy) string {
	if to := t.linkTo(path); to != "" {
		return fmt.Sprintf("it is a link to %s, which is not visible inside", plainOr(to, "something"))
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || isHidden(info, p) {
		dir = path
	}
	return fmt.Sprintf("%s is not visible inside; %s", path, remedyFor(dir))
}

// fileRemedy is execRemedy for a file of the machine's that is visible.
func (t *tree) fileRemedy(outside string, p *Policy, errno unix.Errno) string {
	if errno == unix.EACCES && unix.Access(outside, unix.X_OK) != nil {
		return "it is not executable: chmod +x " + text.Quote(outside)
	}
	file, err := executable.ReadPath(outside)
	if err != nil {
		return ""
	}
	switch {
	case errno == unix.ENOEXEC && (!file.Script || file.Interpreter == ""):
		return "it is neither a program of this machine nor a script whose first line is #! and an interpreter"
	case strings.HasSuffix(file.Interpreter, "\r"):
		return "its first line ends with a carriage return, as on Windows: sed -i 's/\\r$//' " + text.Quote(outside)
	case file.Interpreter == "":
		return ""
	}

	interpreter := fromDir(p.Dir, file.Interpreter)
	if t.has(interpreter) {
		return ""
	}
	state := "is not visible inside"
	if t.shows(interpreter) || isMissing(interpreter) {
		state = "does not exist"
	}
	if !isPlain(interpreter) {
		return "the interpreter that it names " + state
	}
	return fmt.Sprintf("its interpreter %s %s", interpreter, state)
}

// libraryRemedy returns what names, when the program has ended as one does
// that isn't fully there, a library that it is linked with and that is on this
// machine but not inside; else it names "".
//
// A program named by its path is often one of the directory that it may write
// to: its file is read here, before it runs.
func (t *tree) libraryRemedy(name string, p *Policy) func() string {
	var read *executable.File
	path := fromDir(p.Dir, name)
	if strings.Contains(name, "/") && t.isWritable(path) {
		if outside, err := t.seen(path); err == nil && outside != "" {
			file, _ := executable.ReadPath(outside)
			read = &file
		}
	}
	return func() string {
		f := t.fixture(p)
		if read != nil {
			return f.missingLibrary(read, path, p.Env)
		}
		for _, path := range p.places(name) {
			outside, err := f.inside(path)
			if errors.Is(err, errChangeable) {
				return ""
			}
			if err != nil || outside == "" {
				continue
			}
			file, _ := executable.ReadPath(outside)
			return f.missingLibrary(&file, path, p.Env)
		}
		return ""
	}
}

// missingLibrary is what the program in a file, which was named by its path,
// lacks of its libraries.
func (f *fixture) missingLibrary(file *executable.File, path string, env []string) string {
	ours, its := libraryDirs(file, path, env)
	for _, library := range file.Needed {
		if !isPlain(library) || strings.Contains(library, "/") || !strings.Contains(library, ".so") {
			continue
		}
		if !f.isNowhere(library, slices.Concat(ours, its)) {
			continue
		}
		for _, dir := range ours {
			if _, err := f.outside(filepath.Join(dir, library)); err == nil {
				return fmt.Sprintf("its library %s is in %s, which is not visible inside; %s", library, dir, remedyFor(dir))
			}
		}
		for _, dir := range its {
			if isForSoftware(dir) && !f.tree.shows(dir) {
				return fmt.Sprintf("its library %s is looked for in %s, which is not visible inside", library, dir)
			}
		}
	}
	return ""
}

// isNowhere says that a library is in none of the directories inside, and that
// the program has nothing to do with that.
func (f *fixture) isNowhere(library string, dirs []string) bool {
	return !slices.ContainsFunc(dirs, func(dir string) bool {
		_, err := f.inside(filepath.Join(dir, library))
		return !errors.Is(err, fs.ErrNotExist)
	})
}

// libraryDirs are where the dynamic linker looks (ld.so(8)), but for its cache,
// each an absolute path: those that the environment, the system and the
// program's place name, and those that the file itself names.
func libraryDirs(file *executable.File, path string, env []string) (ours, its []string) {
	add := func(dirs []string, list string) []string {
		for _, dir := range filepath.SplitList(list) {
			if filepath.IsAbs(dir) {
				dirs = append(dirs, filepath.Clean(dir))
			}
		}
		return dirs
	}

	if list, ok := getenv(env, "LD_LIBRARY_PATH"); ok {
		ours = add(ours, list)
	}
	origin := filepath.Dir(path)
	if filepath.Base(origin) == "bin" {
		ours = append(ours, filepath.Join(origin, "../lib"), filepath.Join(origin, "../lib64"))
	}
	const x86, arm = 62, 183 // EM_X86_64, EM_AARCH64
	multiarch := map[uint16]string{x86: "x86_64-linux-gnu", arm: "aarch64-linux-gnu"}[file.Machine]
	for _, dir := range []string{"/lib", "/usr/lib", "/usr/local/lib", "/lib64", "/usr/lib64"} {
		ours = append(ours, dir, filepath.Join(dir, multiarch))
	}

	for _, list := range file.Search {
		its = add(its, strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin).Replace(list))
	}
	return ours, its
}

// isForSoftware says that a directory is one for software that isn't the
// system's, and has a plain name.
func isForSoftware(dir string) bool {
	for _, top := range []string{"/opt/", "/usr/", "/nix/store/", "/gnu/store/"} {
		if strings.HasPrefix(dir, top) {
			return isPlain(dir)
		}
	}
	return false
}

// isMissing says that the machine certainly has nothing at a path. It follows
// no link and leaves the root file system for no other, which could be a
// server's that doesn't answer, or be mounted only because somebody looks.
func isMissing(path string) bool {
	var root unix.Statx_t
	const how = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC
	if unix.Statx(unix.AT_FDCWD, "/", how, unix.STATX_TYPE, &root) != nil {
		return false
	}
	for end := 1; end <= len(path); end++ {
		if end < len(path) && path[end] != '/' {
			continue
		}
		var st unix.Statx_t
		if err := unix.Statx(unix.AT_FDCWD, path[:end], how, unix.STATX_TYPE, &st); err != nil {
			return err == unix.ENOENT || err == unix.ENOTDIR
		}
		if st.Dev_major != root.Dev_major || st.Dev_minor != root.Dev_minor || st.Mode&unix.S_IFMT != unix.S_IFDIR {
			return false
		}
	}
	return false
}

// has says that something is at path inside.
func (t *tree) has(path string) bool {
	_, err := t.seen(path)
	return err == nil
}

// shows says that path lies in something of the machine's that is shown.
func (t *tree) shows(path string) bool {
	n := &node{target: filepath.Clean(path)}
	if t.resolve(n) != nil {
		return false
	}
	cover := t.covering(n.target)
	return cover != nil && cover.hostBacked()
}

// isWritable says that path, as it is written, lies in what the program can
// change.
func (t *tree) isWritable(path string) bool {
	n := t.at[path]
	if n == nil {
		n = t.covering(path)
	}
	return n != nil && n.kind == bindNode && n.access == Writable
}

// linkTo is what the link at path inside says, or "" where none is.
func (t *tree) linkTo(path string) string {
	n := &node{kind: linkNode, target: filepath.Clean(path)}
	if t.resolve(n) != nil {
		return ""
	}
	return t.linkAt(n.target)
}

func isHidden(info fs.FileInfo, p *Policy) bool {
	return slices.ContainsFunc(hiddenDirs(p.Home), func(dir hiddenDir) bool { return os.SameFile(dir.info, info) })
}

// places are the absolute paths inside at which the named program may be.
func (p *Policy) places(name string) []string {
	all := candidates(name, p.Env)
	for i, path := range all {
		all[i] = fromDir(p.Dir, path)
	}
	return all
}

// fromDir makes a path that begins in dir begin at the root.
func fromDir(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// isPlain says that a text from a file has nothing but the characters of
// plain names and paths.
func isPlain(text string) bool {
	const most = 256
	return text != "" && len(text) <= most &&
		strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-") == ""
}

func plainOr(text, otherwise string) string {
	if isPlain(text) {
		return text
	}
	return otherwise
}
