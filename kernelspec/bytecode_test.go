package kernelspec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pyc returns bytecode of a source of this size and time, with these flags.
func pyc(magic string, flags uint32, made time.Time, size int) string {
	head := []byte(magic)
	for _, word := range []uint32{flags, uint32(made.Unix()), uint32(size)} {
		head = binary.LittleEndian.AppendUint32(head, word)
	}
	return string(head) + "code"
}

func TestBytecode(t *testing.T) {
	const source = "x = 1\n"
	made := time.Unix(1_700_000_000, 0)
	valid := pyc("good", 0, made, len(source))
	cases := []struct {
		name, pyc string // "" is none
		missing   int
	}{
		{"none", "", 4},
		{"valid", valid, 0},
		{"another Python's", pyc("evil", 0, made, len(source)), 4},
		{"of an older source", pyc("good", 0, made.Add(-time.Second), len(source)), 4},
		{"of a source of another size", pyc("good", 0, made, 1), 4},
		{"with the source's sum", pyc("good", 1, made.Add(time.Hour), 9), 0},
		{"cut off", valid[:15], 4},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for i := range 4 {
				module := filepath.Join(dir, fmt.Sprintf("package/below/m%d.py", i))
				put(t, module, source)
				if err := os.Chtimes(module, made, made); err != nil {
					t.Fatal(err)
				}
				if c.pyc != "" {
					put(t, filepath.Join(dir, fmt.Sprintf("package/below/__pycache__/m%d.x-1.pyc", i)), c.pyc)
				}
			}
			put(t, dir+"/site-packages/other/m.py", source) // has an answer of its own
			look := compilation{suffix: ".x-1.pyc", magic: []byte("good"), left: 1000}
			if missing := look.missing(dir); missing != c.missing {
				t.Errorf("%d, want %d", missing, c.missing)
			}

			look.left = 3
			if missing := look.missing(dir); missing != 0 {
				t.Errorf("%d beyond the bound", missing)
			}
		})
	}
}

// Bytecode is a regular file. Opening a named pipe would wait for somebody to write.
func TestBytecodeThatIsAPipe(t *testing.T) {
	dir, made := t.TempDir(), time.Unix(1_700_000_000, 0)
	module, pipe := filepath.Join(dir, "package/m.py"), filepath.Join(dir, "package/__pycache__/m.x-1.pyc")
	put(t, module, "x")
	if err := errors.Join(os.Chtimes(module, made, made), os.Mkdir(filepath.Dir(pipe), 0o755), unix.Mkfifo(pipe, 0o644)); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	writer.WriteString(pyc("good", 0, made, 1)) // else a defect would wait here as well
	look := compilation{suffix: ".x-1.pyc", magic: []byte("good"), left: 1000}
	if missing := look.missing(dir); missing != 1 {
		t.Errorf("%d, want 1", missing)
	}
}

// A package of which a few modules can't be compiled is compiled.
func TestBytecodeOfMostModules(t *testing.T) {
	for without, missing := range map[int]int{0: 0, 1: 0, 2: 0, 3: 3} {
		dir, made := t.TempDir(), time.Unix(1_700_000_000, 0)
		for i := range 4 {
			module := filepath.Join(dir, fmt.Sprintf("package/m%d.py", i))
			put(t, module, "x")
			if err := os.Chtimes(module, made, made); err != nil {
				t.Fatal(err)
			}
			if i >= without {
				put(t, filepath.Join(dir, fmt.Sprintf("package/__pycache__/m%d.x-1.pyc", i)), pyc("good", 0, made, 1))
			}
		}
		look := compilation{suffix: ".x-1.pyc", magic: []byte("good"), left: 1000}
		if got := look.missing(dir); got != missing {
			t.Errorf("%d of 4 without: %d, want %d", without, got, missing)
		}
	}
}
