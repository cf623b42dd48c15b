package kernelspec

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// linked writes a file that is linked with others, of which only the linker's
// part is there.
func linked(t *testing.T, path, loader string, tags map[elf.DynTag][]string) {
	t.Helper()
	names := []byte{0}
	var dynamic []elf.Dyn64
	for _, tag := range []elf.DynTag{elf.DT_NEEDED, elf.DT_RPATH, elf.DT_RUNPATH} {
		for _, value := range tags[tag] {
			dynamic = append(dynamic, elf.Dyn64{Tag: int64(tag), Val: uint64(len(names))})
			names = append(append(names, value...), 0)
		}
	}

	const headers, program, entry = 64, 56, 16
	interp := uint64(headers + 3*program)
	text := interp + uint64(len(loader)+1)
	dyn := text + uint64(len(names))
	dynamic = append(dynamic, elf.Dyn64{Tag: int64(elf.DT_STRTAB), Val: text},
		elf.Dyn64{Tag: int64(elf.DT_STRSZ), Val: uint64(len(names))}, elf.Dyn64{})
	size := uint64(len(dynamic) * entry)

	header := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Phoff: headers,
		Ehsize: headers, Phentsize: program, Phnum: 3,
	}
	copy(header.Ident[:], "\x7fELF\x02\x01\x01")
	var file bytes.Buffer
	for _, part := range []any{
		header,
		elf.Prog64{Type: uint32(elf.PT_INTERP), Off: interp, Filesz: uint64(len(loader) + 1)},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Filesz: dyn + size},
		elf.Prog64{Type: uint32(elf.PT_DYNAMIC), Off: dyn, Filesz: size},
		append([]byte(loader), 0), names, dynamic,
	} {
		if err := binary.Write(&file, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file.Bytes(), 0o755); err != nil {
		t.Fatal(err)
	}
}

// What a program is linked with is found where ld.so(8) finds it, and nothing of
// the base system is listed.
func TestLinker(t *testing.T) {
	type tags = map[elf.DynTag][]string
	needs := func(library, runPath string) tags {
		return tags{elf.DT_NEEDED: {library, "libc.so.6"}, elf.DT_RUNPATH: {runPath}}
	}
	cases := []struct {
		name  string
		files map[string]tags // below a root of their own, which @ stands for
		path  string          // LD_LIBRARY_PATH
		want  []string
	}{
		{"nothing", map[string]tags{"bin/x": {elf.DT_NEEDED: {"libc.so.6"}}}, "", nil},
		{"DT_RUNPATH", map[string]tags{"bin/x": needs("liba.so", "@/a:@/b"), "b/liba.so": nil}, "", []string{"b/liba.so"}},
		{"DT_RPATH", map[string]tags{"bin/x": {elf.DT_NEEDED: {"liba.so"}, elf.DT_RPATH: {"@/a"}}, "a/liba.so": nil}, "", []string{"a/liba.so"}},
		{"ORIGIN", map[string]tags{"p/bin/x": needs("liba.so", "$ORIGIN/../lib"), "p/lib/liba.so": nil}, "", []string{"p/lib/liba.so"}},
		{"ORIGIN of a library", map[string]tags{
			"bin/x": needs("liba.so", "@/a"), "a/liba.so": needs("libb.so", "${ORIGIN}/more"), "a/more/libb.so": nil,
		}, "", []string{"a/liba.so", "a/more/libb.so"}},
		{"LD_LIBRARY_PATH", map[string]tags{"bin/x": {elf.DT_NEEDED: {"liba.so"}}, "l/liba.so": nil}, "@/none:@/l", []string{"l/liba.so"}},
		{"LD_LIBRARY_PATH counts before DT_RUNPATH", map[string]tags{
			"bin/x": needs("liba.so", "@/a"), "a/liba.so": nil, "l/liba.so": nil,
		}, "@/l", []string{"l/liba.so"}},
		{"DT_RPATH counts before LD_LIBRARY_PATH", map[string]tags{
			"bin/x": {elf.DT_NEEDED: {"liba.so"}, elf.DT_RPATH: {"@/a"}}, "a/liba.so": nil, "l/liba.so": nil,
		}, "@/l", []string{"a/liba.so"}},
		{"a path for a name", map[string]tags{"bin/x": {elf.DT_NEEDED: {"@/odd/liba.so"}}, "odd/liba.so": nil}, "", []string{"odd/liba.so"}},
		{"one another", map[string]tags{
			"bin/x": needs("liba.so", "@/a"), "a/liba.so": needs("libb.so", "@/a"), "a/libb.so": needs("liba.so", "@/a"),
		}, "", []string{"a/liba.so", "a/libb.so"}},
		{"the base system's", map[string]tags{"bin/x": needs("libc.so.6", "/usr/lib/x86_64-linux-gnu:/lib")}, "", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			here := func(text string) string { return strings.ReplaceAll(text, "@", root) }
			for path, tags := range c.files {
				for _, values := range tags {
					for i := range values {
						values[i] = here(values[i])
					}
				}
				linked(t, filepath.Join(root, path), "/lib64/ld-linux-x86-64.so.2", tags)
			}

			program := filepath.Join(root, "bin/x")
			if _, err := os.Stat(program); err != nil {
				program = filepath.Join(root, "p/bin/x")
			}
			l := newLinker()
			l.add(program, libraryPath([]string{"LD_LIBRARY_PATH=" + here(c.path)}))
			var got []string
			for _, file := range l.files {
				got = append(got, strings.TrimPrefix(file, root+"/"))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("want - got +:\n%s", diff)
			}
		})
	}
}

func TestLoader(t *testing.T) {
	root := t.TempDir()
	loader := filepath.Join(root, "glibc/lib/ld.so")
	linked(t, loader, "", nil)
	linked(t, filepath.Join(root, "x"), loader, nil)
	l := newLinker()
	l.add(filepath.Join(root, "x"), nil)
	if diff := cmp.Diff([]string{loader}, l.files); diff != "" {
		t.Errorf("want - got +:\n%s", diff)
	}
}

// The modules of an interpreter are linked, too; links to modules elsewhere lead
// there.
func TestModules(t *testing.T) {
	root := t.TempDir()
	at := func(path string) string { return filepath.Join(root, path) }
	linked(t, at("site/numpy/core.cpython-311-x86_64-linux-gnu.so"), "", map[elf.DynTag][]string{elf.DT_NEEDED: {"libblas.so.3"}, elf.DT_RUNPATH: {at("blas/lib")}})
	linked(t, at("blas/lib/libblas.so.3"), "", nil)
	linked(t, at("site/text.so"), "", nil)
	if err := os.WriteFile(at("site/text.so"), []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(at("site/pipe.so"), 0o644); err != nil {
		t.Fatal(err)
	}
	l := newLinker()
	l.addModules([]string{at("site")}, nil)
	if diff := cmp.Diff([]string{at("blas/lib/libblas.so.3")}, l.files); diff != "" {
		t.Errorf("want - got +:\n%s", diff)
	}
}

// An environment of links shows what they lead to, with what that is linked
// with: a package, a file of one, and packages that are links in turn.
func TestLinkedPackages(t *testing.T) {
	root := t.TempDir()
	at := func(path string) string { return filepath.Join(root, path) }
	linked(t, at("spack/numpy/lib/python3.11/site-packages/numpy/core.so"), "", map[elf.DynTag][]string{
		elf.DT_NEEDED: {"libblas.so"}, elf.DT_RUNPATH: {at("spack/blas/lib")}})
	linked(t, at("spack/blas/lib/libblas.so"), "", nil)
	linked(t, at("spack/six/lib/python3.11/site-packages/six.py"), "", nil)
	linked(t, at("code/mine/__init__.py"), "", nil)
	site := at("view/lib/python3.11/site-packages")
	for link, target := range map[string]string{
		"numpy": at("spack/numpy/lib/python3.11/site-packages/numpy"), "six/six.py": at("spack/six/lib/python3.11/site-packages/six.py"),
		"mine": at("code/mine"), "own/alias": "../own", "system": "/usr/lib/python3", "none": "/no/such/file",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(site, link)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(site, link)); err != nil {
			t.Fatal(err)
		}
	}

	l := newLinker()
	l.addModules([]string{at("view")}, nil)
	slices.Sort(l.trees)
	if diff := cmp.Diff([]string{at("code/mine"), at("spack/numpy"), at("spack/six")}, l.trees); diff != "" {
		t.Errorf("trees, want - got +:\n%s", diff)
	}
	if diff := cmp.Diff([]string{at("spack/blas/lib/libblas.so")}, l.files); diff != "" {
		t.Errorf("files, want - got +:\n%s", diff)
	}
}

func TestConfiguredDirs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("ld.so.conf", "# comment\ninclude *.conf\n/opt/b # why\nrelative\ninclude "+dir+"/ld.so.conf\n")
	write("a.conf", "/opt/a\n")
	got := configuredDirs(filepath.Join(dir, "ld.so.conf"), map[string]bool{})
	if diff := cmp.Diff([]string{"/opt/a", "/opt/b"}, got); diff != "" {
		t.Errorf("want - got +:\n%s", diff)
	}
	if configuredDirs("/no/such/file", map[string]bool{}) != nil {
		t.Error("of no file")
	}
}
