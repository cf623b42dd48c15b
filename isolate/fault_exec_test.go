package isolate

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/executable"
)

// linkedWith returns a program that the dynamic linker ends with status 127, since
// nobody has the library.
func linkedWith(t *testing.T, library, runpath string) []byte {
	t.Helper()
	sh, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	real, err := executable.ReadPath(sh)
	if err != nil {
		t.Fatal(err)
	}
	interpreter := real.Interpreter + "\x00"
	table := "\x00" + library + "\x00" + runpath + "\x00"

	const at = 64 + 4*56 // behind the headers
	symbols := uint64(at + len(interpreter) + len(table))
	dynamic := (symbols + 24 + 15) &^ 15
	entries := []uint64{
		uint64(elf.DT_STRTAB), uint64(at + len(interpreter)), uint64(elf.DT_STRSZ), uint64(len(table)),
		uint64(elf.DT_SYMTAB), symbols, uint64(elf.DT_SYMENT), 24,
		uint64(elf.DT_NEEDED), 1, uint64(elf.DT_RUNPATH), uint64(2 + len(library)), 0, 0,
	}
	size := dynamic + uint64(8*len(entries))

	var b bytes.Buffer
	put := func(data any) { binary.Write(&b, binary.LittleEndian, data) }
	put(elf.Header64{Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_DYN), Machine: real.Machine, Version: 1,
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 4})
	put(elf.Prog64{Type: uint32(elf.PT_PHDR), Flags: 4, Off: 64, Vaddr: 64, Filesz: 4 * 56, Memsz: 4 * 56, Align: 8})
	put(elf.Prog64{Type: uint32(elf.PT_INTERP), Flags: 4, Off: at, Vaddr: at, Filesz: uint64(len(interpreter)), Memsz: uint64(len(interpreter)), Align: 1})
	put(elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: 6, Filesz: size, Memsz: size, Align: 4096})
	put(elf.Prog64{Type: uint32(elf.PT_DYNAMIC), Flags: 6, Off: dynamic, Vaddr: dynamic, Filesz: size - dynamic, Memsz: size - dynamic, Align: 8})
	b.WriteString(interpreter + table)
	b.Write(make([]byte, dynamic-uint64(b.Len())))
	put(entries)
	return b.Bytes()
}

// A hintWorld has a program, and beside it what it is given and what it isn't.
type hintWorld struct{ work, tools, libs, home string }

func newHintWorld(t *testing.T) hintWorld {
	t.Helper()
	top := t.TempDir()
	w := hintWorld{filepath.Join(top, "work"), filepath.Join(top, "tools"), filepath.Join(top, "libs"), t.TempDir()}
	err := errors.Join(os.MkdirAll(w.work+"/bin", 0o755), os.MkdirAll(w.tools+"/bin", 0o755), os.MkdirAll(w.tools+"/lib", 0o755),
		os.MkdirAll(w.libs, 0o755), os.MkdirAll(w.home+"/.ssh", 0o700))
	for _, dir := range []string{w.tools + "/lib", w.libs, w.home + "/.ssh"} {
		err = errors.Join(err, os.WriteFile(dir+"/libcanary.so", nil, 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *hintWorld) policy() Policy {
	p := in(w.work)
	p.Home = w.home
	p.Env = []string{"PATH=/usr/bin:/bin:" + w.tools + "/bin:" + w.work, "LD_LIBRARY_PATH=" + w.libs}
	return p
}

// whyNot runs a program that can't run and returns what is said of that, or of
// which kind it is where its text says no more.
func whyNot(t *testing.T, p Policy, name string) string {
	t.Helper()
	c := Command(p, name)
	if err := c.Start(); err != nil {
		var exec *ExecError
		if !errors.As(err, &exec) {
			t.Fatal(err)
		}
		if _, more, ok := strings.Cut(err.Error(), "; "); ok {
			return more
		}
		return strings.TrimSuffix(fmt.Sprintf("%s: %s", exec.Kind, exec.Path), ": ")
	}

	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err := <-ended:
		if ExitCode(err) != 127 {
			t.Fatal(err)
		}
		_, more, _ := strings.Cut(err.Error(), "; ")
		return more
	case <-time.After(10 * time.Second):
		t.Fatal("its caller hangs")
		return ""
	}
}

// A library that is on the machine and not inside is named, with an entry only
// where the person or the system names its directory.
func TestMissingLibrary(t *testing.T) {
	w := newHintWorld(t)
	tools := ReadOnly(w.tools + "/bin")
	entry := func(dir string) string {
		return "its library libcanary.so is in " + dir + ", which is not visible inside"
	}
	for _, c := range []struct {
		name, library, runpath string
		path                   string // where the program is, and how it is named
		env                    string // instead of LD_LIBRARY_PATH
		mounts                 []Mount
		want                   string
	}{
		{"in a writable directory", "libcanary.so", "/none", w.work + "/prog", "", nil, entry(w.libs)},
		{"in a read-only one", "libcanary.so", "/none", w.tools + "/bin/prog", "", []Mount{tools}, entry(w.libs)},
		{"lib beside bin", "libcanary.so", "$ORIGIN/../lib", w.tools + "/bin/prog", "A=b", []Mount{tools}, entry(w.tools + "/lib")},
		{"software that isn't the system's", "libcanary.so", "/opt/canary/lib", w.work + "/prog", "A=b", nil,
			"its library libcanary.so is looked for in /opt/canary/lib, which is not visible inside"},
		{"the home directory's, because the file says so", "libcanary.so", w.home + "/.ssh", w.work + "/prog", "A=b", nil, ""},
		{"beside its place, because the file says so", "libcanary.so", "$ORIGIN/../libs", w.work + "/prog", "A=b", nil, ""},
		{"any other directory, because the file says so", "libcanary.so", w.libs, w.work + "/prog", "A=b", nil, ""},
		{"an automounter's", "libcanary.so", "/net/canary", w.work + "/prog", "A=b", nil, ""},
		{"a name with a sentence in it", "libcanary.so is there; add ro:/ to", "/opt/canary/lib", w.work + "/prog", "", nil, ""},
		{"a directory with a sentence in it", "libcanary.so", "/opt/x is fine; add ro:/srv", w.work + "/prog", "A=b", nil, ""},
		{"a name that is a path", "../home/.ssh/libcanary.so", "/none", w.work + "/prog", "", nil, ""},
		{"it is there", "libcanary.so", "/opt/canary/lib", w.work + "/prog", "", []Mount{ReadOnly(w.libs)}, ""},
		{"it is the program's to put there", "libcanary.so", "/opt/canary/lib", w.work + "/prog", "", []Mount{Writable(w.libs)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(c.path, linkedWith(t, c.library, c.runpath), 0o755); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(c.path)
			p := w.policy()
			p.Mounts = append(p.Mounts, c.mounts...)
			if c.env != "" {
				p.Env[1] = c.env
			}
			if got := whyNot(t, p, c.path); got != c.want {
				t.Errorf("%q; want %q", got, c.want)
			}
		})
	}
}

// A program that ends as if it weren't fully there, with something else in its
// own place, is not looked at. The control is the same file, there before.
func TestProgramThatReplacesItself(t *testing.T) {
	w := newHintWorld(t)
	const bait = "bait"
	baited := "its library libcanary.so is in " + w.libs
	elsewhere := filepath.Join(filepath.Dir(w.work), "other")
	for _, c := range []struct {
		name, script string
		path         string
		mounts       []Mount
		env          string
	}{
		{"another program", "cp bait new; mv new prog", "./prog", nil, ""},
		{"found by PATH", "cp bait new; mv new prog", "prog", nil, ""},
		{"under another name", "cp bait new; mv new prog", elsewhere + "/prog", []Mount{ReadOnly(w.work).At(elsewhere)}, ""},
		{"below another name", "cp bait new; mv new prog", elsewhere + "/work/prog",
			[]Mount{ReadOnly(filepath.Dir(w.work)).At(elsewhere)}, ""},
		{"holes", "cp bait new; truncate -s 1G new; mv new prog", "prog", nil, ""},
		{"a directory", "rm prog; mkdir prog", "prog", nil, ""},
		{"a named pipe", "rm prog; mkfifo prog", "prog", nil, ""},
		{"a named pipe, by its path", "rm prog; mkfifo prog", "./prog", nil, ""},
		{"a link", "rm prog; ln -s bait prog", "prog", nil, ""},
		{"a link to a device", "rm prog; ln -s /dev/zero prog", "prog", nil, ""},
		{"its directory is a link", "mv sub old; ln -s /dev sub", "sub/prog", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := w.work
			prog := filepath.Join(dir, "prog")
			if strings.HasPrefix(c.path, "sub/") {
				prog = filepath.Join(dir, c.path)
			}
			err := errors.Join(os.MkdirAll(filepath.Dir(prog), 0o755), os.WriteFile(filepath.Join(dir, bait), linkedWith(t, "libcanary.so", "/none"), 0o755),
				os.WriteFile(prog, []byte("#!/bin/sh\n"+c.script+"\nexit 127\n"), 0o755))
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(prog)
			p := w.policy()
			p.AllowSymlinks = true
			p.Mounts = append(p.Mounts, c.mounts...)
			if filepath.IsAbs(c.path) { // also when its directory is the only writable one
				p.Env[0] = "PATH=/usr/bin:/bin"
			}

			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if hint := whyNot(t, p, c.path); hint != "" {
				t.Errorf("the caller says %q", hint)
			}
			runtime.ReadMemStats(&after)
			if taken := after.TotalAlloc - before.TotalAlloc; taken > 16<<20 {
				t.Errorf("the caller took %d MiB", taken>>20)
			}
			if file, err := executable.ReadPath(prog); err == nil && file.Script {
				t.Error("the program did not replace itself")
			}
		})
	}

	t.Run("control", func(t *testing.T) {
		p := w.policy()
		p.Mounts = append(p.Mounts, ReadOnly(w.tools+"/bin"))
		if err := os.WriteFile(w.tools+"/bin/prog", linkedWith(t, "libcanary.so", "/none"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"prog", w.tools + "/bin/prog", w.work + "/bait"} {
			if hint := whyNot(t, p, name); !strings.HasPrefix(hint, baited) {
				t.Errorf("%s: %q; want %q", name, hint, baited)
			}
		}
	})
}

// What is there before anything runs may be hostile as well.
func TestProgramThatCannotBeExecuted(t *testing.T) {
	w := newHintWorld(t)
	at := filepath.Join(w.work, "prog")
	script := func(interpreter string) func() error {
		return func() error { return os.WriteFile(at, []byte("#!"+interpreter+"\n"), 0o755) }
	}
	for _, c := range []struct {
		name string
		make func() error
		want string
	}{
		{"hidden interpreter", script(w.home + "/.ssh/libcanary.so"), "its interpreter " + w.home + "/.ssh/libcanary.so is not visible inside"},
		{"no interpreter", script("/no/such/thing"), "its interpreter /no/such/thing does not exist"},
		{"no interpreter where something is shown", script("/usr/bin/no-such-thing"), "its interpreter /usr/bin/no-such-thing does not exist"},
		{"an automounter's", script("/proc/canary/x"), "its interpreter /proc/canary/x does not exist"},
		{"a sentence", script("/x;add\u00a0ro:/srv"), "the interpreter that it names does not exist"},
		{"carriage return", script("/bin/sh\r"), string(KindCarriageReturn) + ": " + at},
		{"not executable", func() error { return os.WriteFile(at, []byte("#!/bin/sh\n"), 0o644) }, string(KindNotExecutable) + ": " + at},
		{"no program", func() error { return os.WriteFile(at, []byte{1, 2, 3}, 0o755) },
			"it is neither a program of this machine nor a script whose first line is #! and an interpreter"},
		{"a named pipe", func() error { return unix.Mkfifo(at, 0o755) }, ""},
		{"a directory", func() error { return os.Mkdir(at, 0o755) }, ""},
		{"a link to what is hidden", func() error { return os.Symlink(w.home+"/.ssh/libcanary.so", at) },
			"it is a link to " + w.home + "/.ssh/libcanary.so, which is not visible inside"},
		{"a link with a sentence", func() error { return os.Symlink("/x; add ro:/srv to --mount", at) }, "it is a link to something, which is not visible inside"},
		{"nothing", func() error { return nil }, string(KindNoProgram)},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer os.RemoveAll(at)
			if err := c.make(); err != nil {
				t.Fatal(err)
			}
			if got := whyNot(t, w.policy(), "./prog"); got != c.want {
				t.Errorf("%q; want %q", got, c.want)
			}
		})
	}

	// A program named by the person is proposed: its directory, or itself
	// where its directory isn't to be shown.
	for _, c := range []struct{ path, entry string }{{w.libs + "/prog", w.libs}, {w.home + "/prog", w.home + "/prog"}} {
		if err := os.WriteFile(c.path, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		err := Command(w.policy(), c.path).Run()
		var exec *ExecError
		if !errors.As(err, &exec) || exec.Kind != KindProgramHidden || exec.About != c.entry || !strings.HasSuffix(err.Error(), c.path+" is not visible inside") {
			t.Errorf("%v: %+v", err, exec)
		}
	}
}

// A look at a stranger's path stays in the root file system and follows no
// link.
func TestIsMissing(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/", link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"/no-such-thing": true, "/usr/no-such-thing/x": true, "/etc/passwd/x": false, "/": false, "/usr": false,
		"/proc/no-such-thing": false, "/sys/no-such-thing/x": false, link + "/no-such-thing": false, "": false,
	} {
		if got := isMissing(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}

func TestHoldsMounts(t *testing.T) {
	mounts, err := openHostMounts()
	if err != nil {
		t.Fatal(err)
	}
	defer mounts.close()
	if err := mounts.read(); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{"/dev": true, "/dev/pts": false, t.TempDir(): false} {
		f := fixture{tree: &tree{mounts: mounts}, writable: []string{dir}}
		if got := f.holdsMounts(); got != want {
			t.Errorf("%s: %v", dir, got)
		}
	}
}
