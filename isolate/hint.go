package isolate

import (
	"bufio"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// execRemedy says what a person can do about a program that the kernel would
// not execute, or "". The kernel says "no such file" of a file that is there
// when what it needs is not.
func (t *tree) execRemedy(name string, p *Policy, errno unix.Errno) string {
	exists := false
	for _, path := range candidates(name, p.Env) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(p.Dir, path)
		}
		outside, err := t.seen(path)
		if err != nil {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				return fmt.Sprintf("%s is not visible inside; %s", path, remedyFor(filepath.Dir(path)))
			}
			continue
		}
		exists = true
		if outside == "" {
			continue
		}
		if errno == unix.EACCES && unix.Access(outside, unix.X_OK) != nil {
			return "it is not executable: chmod +x " + quoteForShell(outside)
		}
		interpreter := interpreterOf(outside)
		switch {
		case interpreter == "" && errno == unix.ENOEXEC:
			return "it is neither a program of this machine nor a script whose first line is #! and an interpreter"
		case strings.HasSuffix(interpreter, "\r"):
			return "its first line ends with a carriage return, as on Windows: sed -i 's/\\r$//' " + quoteForShell(outside)
		case interpreter == "" || t.has(interpreter):
			continue
		}
		if _, err := os.Stat(interpreter); err != nil {
			return fmt.Sprintf("its interpreter %s does not exist", interpreter)
		}
		return fmt.Sprintf("its interpreter %s is not visible inside; %s", interpreter, remedyFor(filepath.Dir(interpreter)))
	}
	if !exists {
		return "it is not outside either: check its name, or install it"
	}
	return ""
}

// libraryRemedy names a library that the program was linked with and that is
// on this machine, but not inside, or is "". Only the directories are looked
// at that the program itself or the environment names, and the usual ones.
func (t *tree) libraryRemedy(name string, p *Policy) string {
	for _, path := range candidates(name, p.Env) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(p.Dir, path)
		}
		outside, err := t.seen(path)
		if err != nil || outside == "" {
			continue
		}
		f, err := elf.Open(outside)
		if err != nil {
			return ""
		}
		defer f.Close()
		libraries, _ := f.ImportedLibraries()
		dirs := libraryDirs(f, filepath.Dir(path), p.Env)
		for _, library := range libraries {
			if dir := t.hiddenIn(dirs, library); dir != "" {
				return fmt.Sprintf("its library %s is in %s, which is not visible inside; %s", library, dir, remedyFor(dir))
			}
		}
		return ""
	}
	return ""
}

// hiddenIn is the directory that has the library outside, when none of dirs
// has it inside.
func (t *tree) hiddenIn(dirs []string, library string) (found string) {
	for _, dir := range dirs {
		path := filepath.Join(dir, library)
		if t.has(path) {
			return ""
		}
		if _, err := os.Stat(path); err == nil && found == "" {
			found = dir
		}
	}
	return found
}

// libraryDirs are where the dynamic linker looks (ld.so(8)), but for its cache.
func libraryDirs(f *elf.File, origin string, env []string) []string {
	var dirs []string
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		paths, _ := f.DynString(tag)
		for _, path := range paths {
			path = strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin).Replace(path)
			dirs = append(dirs, filepath.SplitList(path)...)
		}
	}
	if path, ok := getenv(env, "LD_LIBRARY_PATH"); ok {
		dirs = append(dirs, filepath.SplitList(path)...)
	}
	multiarch := map[elf.Machine]string{elf.EM_X86_64: "x86_64-linux-gnu", elf.EM_AARCH64: "aarch64-linux-gnu"}[f.Machine]
	for _, dir := range []string{"/lib", "/usr/lib", "/usr/local/lib", "/lib64", "/usr/lib64"} {
		dirs = append(dirs, dir, filepath.Join(dir, multiarch))
	}
	return dirs
}

// has says that something is at path inside.
func (t *tree) has(path string) bool {
	_, err := t.seen(path)
	return err == nil
}

// interpreterOf is what the kernel starts for a file: the one that a script's
// first line names, or a program's dynamic linker; "" where there is none.
func interpreterOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	const longest = 256 // BINPRM_BUF_SIZE
	line, _ := bufio.NewReaderSize(io.LimitReader(f, longest), longest).ReadString('\n')
	if script, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "#!"); ok {
		interpreter, _, _ := strings.Cut(strings.TrimLeft(script, " \t"), " ")
		return interpreter
	}
	program, err := elf.NewFile(f)
	if err != nil {
		return ""
	}
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP {
			interpreter, _ := io.ReadAll(part.Open())
			return strings.TrimRight(string(interpreter), "\x00")
		}
	}
	return ""
}
