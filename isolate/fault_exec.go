package isolate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/executable"
	"isolate-namespace/internal/pathname"
)

// What we say about a program that can't run must be true, whoever wrote the
// program's file:
//
//   - Its caller reads no file, and follows no path, that the program could
//     have changed since it was started (fixture).
//   - An entry is proposed only for a path that the person named, in the
//     command or the environment, for a path of the system, and for the lib
//     beside the bin that the program was named in (as in conda and /opt/x). A
//     path that comes from a file or a link is only named as the cause: showing
//     ~/.ssh may be what its writer wants.
//   - Such a path is followed no further than to what is shown inside or lies
//     in the root file system: a look at /net/HOST mounts that host's files. Of
//     the directories in which a file seeks libraries, only those are named in
//     which administrators put software.
//   - It is quoted only if it consists of the characters of a plain name, so that
//     it can't continue our sentence.

// explainExec finds out why the kernel would not execute a program, and sets the
// kind of e. The kernel says "no such file" about a file that exists if what the
// file needs doesn't. Nothing has run.
func (t *tree) explainExec(e *ExecError, p *Policy) {
	exists := false
	for _, path := range p.places(e.Name) {
		outside, err := t.seen(path)
		if err != nil {
			t.explainAbsence(e, path, p)
		} else if exists = true; outside != "" {
			t.explainFile(e, outside, p)
		}
		if e.Kind != "" {
			return
		}
	}
	if !exists {
		e.Kind = KindNoProgram
	}
}

// explainAbsence is explainExec for a path at which there is nothing inside.
func (t *tree) explainAbsence(e *ExecError, path string, p *Policy) {
	if to := t.linkTo(path); to != "" {
		e.Kind, e.Path, e.About = KindProgramLink, path, plainText(to)
		return
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return
	}
	e.Kind, e.Path, e.About = KindProgramHidden, path, filepath.Dir(path)
	if info, err := os.Stat(e.About); err != nil || t.isHidden(e.About, info) {
		e.About = path
	}
}

// explainFile is explainExec for a file of the machine that is visible.
func (t *tree) explainFile(e *ExecError, outside string, p *Policy) {
	if e.Err == unix.EACCES && unix.Access(outside, unix.X_OK) != nil {
		e.Kind, e.Path = KindNotExecutable, outside
		return
	}
	file, err := executable.ReadPath(outside)
	if err != nil {
		return
	}
	switch {
	case e.Err == unix.ENOEXEC && (!file.Script || file.Interpreter == ""):
		e.Kind, e.Path = KindNotProgram, outside
		return
	case strings.HasSuffix(file.Interpreter, "\r"):
		e.Kind, e.Path = KindCarriageReturn, outside
		return
	case file.Interpreter == "":
		return
	}

	interpreter := fromDir(p.Dir, file.Interpreter)
	if t.has(interpreter) {
		return
	}
	e.Kind, e.Path, e.About = KindInterpreterHidden, outside, plainText(interpreter)
	if t.shows(interpreter) || isMissing(interpreter) {
		e.Kind = KindNoInterpreter
	}
}

// explainExit returns what says, when the program has ended as one does that
// isn't fully there, which library it is linked with that isn't visible inside.
//
// A program named by its path is often one of the directory that it may write
// to: its file is read here, before it runs.
func (t *tree) explainExit(name string, p *Policy) func(*ExitError) {
	var read *executable.File
	path := fromDir(p.Dir, name)
	if strings.Contains(name, "/") && t.isWritable(path) {
		if outside, err := t.seen(path); err == nil && outside != "" {
			file, _ := executable.ReadPath(outside)
			read = &file
		}
	}

	return func(e *ExitError) {
		f := t.fixture(p)
		if read != nil {
			f.explainLibraries(e, read, path, p.Env)
			return
		}
		for _, path := range p.places(name) {
			outside, err := f.inside(path)
			if errors.Is(err, errChangeable) {
				return
			}
			if err == nil && outside != "" {
				file, _ := executable.ReadPath(outside)
				f.explainLibraries(e, &file, path, p.Env)
				return
			}
		}
	}
}

// explainLibraries is explainExit for the file of a program that was named by
// a path.
func (f *fixture) explainLibraries(e *ExitError, file *executable.File, path string, env []string) {
	ours, its := libraryDirs(file, path, env)
	for _, library := range file.Needed {
		if plainText(library) == "" || strings.Contains(library, "/") || !strings.Contains(library, ".so") {
			continue
		}
		if !f.isNowhere(library, slices.Concat(ours, its)) {
			continue
		}
		for _, dir := range ours {
			if _, err := f.outside(filepath.Join(dir, library)); err == nil {
				e.Kind, e.Library, e.About = KindLibrary, library, dir
				return
			}
		}
		for _, dir := range its {
			if isForSoftware(dir) && !f.tree.shows(dir) {
				e.Kind, e.Library, e.About = KindLibrarySought, library, dir
				return
			}
		}
	}
}

// isNowhere reports whether a library is in none of the directories inside, and that
// the program has nothing to do with that.
func (f *fixture) isNowhere(library string, dirs []string) bool {
	return !slices.ContainsFunc(dirs, func(dir string) bool {
		_, err := f.inside(filepath.Join(dir, library))
		return !errors.Is(err, fs.ErrNotExist)
	})
}

// libraryDirs returns where the dynamic linker looks (ld.so(8)), but for its cache,
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

	for _, list := range slices.Concat(file.RPath, file.RunPath) {
		its = add(its, strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin).Replace(list))
	}
	return ours, its
}

// isForSoftware reports whether a directory is one for software that isn't the
// system's, and has a plain name.
func isForSoftware(dir string) bool {
	for _, top := range []string{"/opt/", "/usr/", "/nix/store/", "/gnu/store/"} {
		if strings.HasPrefix(dir, top) {
			return plainText(dir) != ""
		}
	}
	return false
}

// isMissing reports whether the machine certainly has nothing at a path. It follows
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

// has reports whether something is at path inside.
func (t *tree) has(path string) bool {
	_, err := t.seen(path)
	return err == nil
}

// shows reports whether path lies in something of the machine that is shown.
func (t *tree) shows(path string) bool {
	n := &node{target: filepath.Clean(path)}
	if t.resolve(n) != nil {
		return false
	}
	cover := t.covering(n.target)
	return cover != nil && cover.hostBacked()
}

// isWritable reports whether path, as it is written, lies in what the program can
// change.
func (t *tree) isWritable(path string) bool {
	n := t.at[path]
	if n == nil {
		n = t.covering(path)
	}
	return n != nil && n.kind == bindNode && n.access == AccessWritable
}

// linkTo returns what the link at path inside says, or "" where none is.
func (t *tree) linkTo(path string) string {
	n := &node{kind: linkNode, target: filepath.Clean(path)}
	if t.resolve(n) != nil {
		return ""
	}
	return t.linkAt(n.target)
}

// isHidden reports whether dir may not be mounted.
func (t *tree) isHidden(dir string, info fs.FileInfo) bool {
	return slices.ContainsFunc(t.hidden, func(d *hiddenDir) bool {
		return d.fileID == idOf(info) || d.above && pathname.Within(d.path, dir)
	})
}

// places returns the absolute paths inside at which the named program may be.
func (p *Policy) places(name string) []string {
	all := candidates(name, p)
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

// plainText returns a text from a file, if it has nothing but the characters of plain
// names and paths, or "".
func plainText(text string) string {
	const most = 256
	const characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-"
	if len(text) > most || strings.Trim(text, characters) != "" {
		return ""
	}
	return text
}
