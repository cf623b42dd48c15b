package executable

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReadScript(t *testing.T) {
	for _, c := range []struct{ content, want string }{
		{"#!/bin/sh\necho", "/bin/sh"},
		{"#! \t/usr/bin/env python3\n", "/usr/bin/env"},
		{"#!/bin/sh\t-e\n", "/bin/sh"},
		{"#!/bin/sh\r\n", "/bin/sh\r"},
		{"#!/bin/sh\x00/other\n", "/bin/sh"},
		{"#!/bin/sh", "/bin/sh"},
		{"#!\n/bin/sh", ""},
		{"#!/" + strings.Repeat("x", 1000), "/" + strings.Repeat("x", maxFirstLine-3)},
	} {
		if f := Read(strings.NewReader(c.content)); !f.Script || f.Interpreter != c.want {
			t.Errorf("%q: %+v", c.content, f)
		}
	}
	for _, content := range []string{"", "#", " #!/bin/sh", "\x7fELF", "\x7fELF\x02\x01", strings.Repeat("x", 1000)} {
		if f := Read(strings.NewReader(content)); f.Script || f.Interpreter != "" || f.Needed != nil {
			t.Errorf("%q: %+v", content, f)
		}
	}
}

// What programs and libraries of this machine say is what debug/elf finds.
func TestReadPrograms(t *testing.T) {
	linked := 0
	for _, path := range []string{"/bin/sh", "/usr/bin/env", "/usr/bin/python3", "/usr/bin/perl", "/proc/self/exe"} {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		want, err := elf.Open(real)
		if err != nil {
			t.Fatal(err)
		}
		defer want.Close()
		got, err := ReadPath(real)
		if err != nil {
			t.Fatal(err)
		}

		needed, _ := want.ImportedLibraries()
		runpath, _ := want.DynString(elf.DT_RUNPATH)
		interpreter := ""
		if section := want.Section(".interp"); section != nil {
			data, _ := section.Data()
			interpreter = strings.TrimRight(string(data), "\x00")
		}
		if !slices.Equal(got.Needed, needed) || !slices.Equal(got.RunPath, runpath) ||
			got.Interpreter != interpreter || got.Machine != uint16(want.Machine) {
			t.Errorf("%s: %+v; want %q, %q, %q", real, got, interpreter, needed, runpath)
		}
		linked += len(needed)
	}

	if linked == 0 {
		t.Error("no program here has a library")
	}
}

// sparse returns a program whose interpreter and whose table of strings are holes
// of a size. It has sections for those who read them.
func sparse(t testing.TB, size uint64) string {
	t.Helper()
	var b bytes.Buffer
	put := func(data any) { binary.Write(&b, binary.LittleEndian, data) }
	const headers, dynamic, strings = 64, 64 + 3*56, 4096
	put(elf.Header64{Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: 3, Machine: 62, Version: 1, Phoff: headers, Shoff: 1024,
		Ehsize: 64, Phentsize: 56, Phnum: 3, Shentsize: 64, Shnum: 3, Shstrndx: 0})
	put(elf.Prog64{Type: 3, Off: strings, Filesz: size})
	put(elf.Prog64{Type: 1, Off: 0, Filesz: strings + size})
	put(elf.Prog64{Type: 2, Off: dynamic, Filesz: 4 * 16})
	put([]uint64{5, strings, 10, size, 1, 1, 0, 0})
	b.Write(make([]byte, 1024-b.Len()))
	put(elf.Section64{})
	put(elf.Section64{Type: uint32(elf.SHT_DYNAMIC), Off: dynamic, Size: 4 * 16, Link: 2, Entsize: 16})
	put(elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: strings, Size: size})
	path := filepath.Join(t.TempDir(), "sparse")
	if err := errors.Join(os.WriteFile(path, b.Bytes(), 0o755), os.Truncate(path, int64(strings+size))); err != nil {
		t.Fatal(err)
	}
	return path
}

// allocated returns how much memory f takes, all in all.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A file of holes costs nothing to read. The control reads the same file by
// its sections, as the standard library does.
func TestHolesAreNotRead(t *testing.T) {
	path := sparse(t, 1<<30)
	if taken := allocated(func() { ReadPath(path) }); taken > 4<<20 {
		t.Errorf("%d bytes of memory for 1 GiB", taken)
	}
	path = sparse(t, 32<<20)
	taken := allocated(func() {
		f, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		f.ImportedLibraries()
	})
	if taken < 32<<20 {
		t.Errorf("control: %d bytes of memory for 32 MiB", taken)
	}
}

// Strings that many entries share aren't kept for each.
func TestLongNamesAreNotKept(t *testing.T) {
	table := bytes.Repeat([]byte{'x'}, 1<<20)
	all := io.NewSectionReader(bytes.NewReader(table), 0, 1<<20)
	offsets := make([]uint64, 4*maxNames)
	if kept := names(all, offsets); kept != nil {
		t.Errorf("%d names", len(kept))
	}
	table[maxName] = 0
	if kept := names(all, offsets); len(kept) != maxNames { // the control
		t.Errorf("%d names", len(kept))
	}
}

// within fails when f doesn't return soon.
func within(t *testing.T, f func() (File, error)) (File, error) {
	t.Helper()
	type result struct {
		file File
		err  error
	}
	done := make(chan result, 1)
	go func() {
		file, err := f()
		done <- result{file, err}
	}()
	select {
	case r := <-done:
		return r.file, r.err
	case <-time.After(5 * time.Second):
		t.Fatal("it hangs")
		return File{}, nil
	}
}

// A file that shrinks and is swapped while it is read is read as something or
// not at all.
func TestReadPathWhileItChanges(t *testing.T) {
	content, err := os.ReadFile("/usr/bin/env")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "changing")
	stop := make(chan struct{})

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			switch i % 5 {
			case 0:
				os.WriteFile(path, content, 0o755)
			case 1, 2:
				os.Truncate(path, int64(len(content)>>(i%7)))
			case 3:
				os.Remove(path)
				unix.Mkfifo(path, 0o644)
			case 4:
				os.Remove(path)
			}
		}
	}()

	read := 0
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
		f, err := within(t, func() (File, error) { return ReadPath(path) })
		if err == nil && len(f.Needed) > 0 {
			read++
		}
	}

	close(stop)
	<-ended
	if read == 0 {
		t.Error("it was never read")
	}
}

// A counter counts what is read of it.
type counter struct {
	*bytes.Reader
	read int
}

func (c *counter) ReadAt(data []byte, offset int64) (int, error) {
	c.read += len(data)
	return c.Reader.ReadAt(data, offset)
}

// Whatever a file says, little is read of it, and little is kept.
func FuzzRead(f *testing.F) {
	for _, path := range []string{"/usr/bin/env", sparse(f, 64)} {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content[:min(len(content), 64<<10)])
	}

	f.Add([]byte("#!/bin/sh\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		c := &counter{Reader: bytes.NewReader(content)}
		file := Read(c)
		if most := maxFirstLine + maxHeaders + maxInterpreter + maxDynamic + 3*maxNames*(maxName+1); c.read > most {
			t.Errorf("%d bytes are read", c.read)
		}
		if len(file.Interpreter) > maxInterpreter || len(file.Needed) > maxNames || len(file.RPath) > maxNames || len(file.RunPath) > maxNames {
			t.Errorf("%+v", file)
		}
		for _, name := range slices.Concat(file.Needed, file.RPath, file.RunPath) {
			if len(name) > maxName || strings.ContainsRune(name, 0) {
				t.Errorf("%q", name)
			}
		}
	})
}
