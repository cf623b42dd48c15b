package kernelspec

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/regular"
	"isolate-namespace/internal/remedy"
)

// Python keeps what it compiles in __pycache__, beside the module. An isolated kernel
// can't: bytecode that one kernel writes and another runs would be a way from one to
// the other. So where bytecode is missing or outdated, each isolated kernel compiles
// anew what it imports. Some installers, such as uv, compile nothing.

// Uncompiled says in which of its Python's directories a twin's kernels find no
// bytecode, and what helps.
func (t *Twin) Uncompiled() []*Error {
	program := t.Spec.Command().Kernel[0]
	if made, err := readRecord(t.Dir); err == nil && len(made.Ends) > 0 {
		program = made.Ends[0]
	}
	return uncompiled(program, t.Language, t.Spec.environ())
}

// fewModules is how many are compiled in less time than anybody notices.
const fewModules = 50

// uncompiled looks where a kernel's program, if it is a Python, looks for modules.
func uncompiled(program, language string, environ []string) (found []*Error) {
	if !isPython(program, language) {
		return nil
	}
	said, err := askPython(program, environ)
	if err != nil {
		return nil // whoever made or examined the twin has said it
	}
	c := &compilation{suffix: said.Suffix, left: maxEntries}
	if c.magic, err = hex.DecodeString(said.Magic); err != nil || len(c.magic) != 4 || c.suffix == "" {
		return nil // it keeps no bytecode, or elsewhere
	}
	for _, dir := range said.Libraries {
		if modules := c.missing(dir); modules >= fewModules {
			found = append(found, &Error{
				Reason: fmt.Sprintf("%d modules in %s have no bytecode, so each isolated kernel compiles anew what it imports of them", modules, dir),
				Remedy: remedy.Compile(program, dir, writable(dir)),
			})
		}
	}
	return found
}

// A compilation is what makes bytecode valid for one Python.
type compilation struct {
	suffix string // of its file
	magic  []byte // at its beginning
	left   int    // how many entries of directories are still looked at
}

// missing counts the modules of those packages in dir of which more than half have no
// valid bytecode: single modules can't be compiled, such as templates.
func (c *compilation) missing(dir string) (modules int) {
	without, all := c.count(dir, false)
	if without > all/2 {
		modules += without
	}
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if !entry.IsDir() || slices.Contains([]string{"__pycache__", "site-packages", "dist-packages", "test", "tests"}, entry.Name()) {
			continue
		}
		if without, all := c.count(filepath.Join(dir, entry.Name()), true); without > all/2 {
			modules += without
		}
	}
	return modules
}

// count counts the modules in dir, and those that have no valid bytecode.
func (c *compilation) count(dir string, below bool) (without, all int) {
	entries, err := os.ReadDir(dir)
	if c.left -= len(entries); err != nil || c.left < 0 {
		return 0, 0
	}
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case entry.IsDir() && below && name != "__pycache__":
			w, a := c.count(filepath.Join(dir, name), true)
			without, all = without+w, all+a
		case !entry.IsDir() && strings.HasSuffix(name, ".py"):
			all++
			if !c.compiled(filepath.Join(dir, name)) {
				without++
			}
		}
	}
	return without, all
}

// compiled reports whether a module has bytecode that Python would take (PEP 552).
func (c *compilation) compiled(module string) bool {
	base := strings.TrimSuffix(filepath.Base(module), ".py")
	f, err := regular.Open(filepath.Join(filepath.Dir(module), "__pycache__", base+c.suffix)) // others may write there
	if err != nil {
		return false
	}
	defer f.Close()
	var head [16]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || !bytes.Equal(head[:4], c.magic) {
		return false
	}
	if flags := binary.LittleEndian.Uint32(head[4:]); flags != 0 {
		return true // it has the source's sum in place of its time
	}
	info, err := os.Stat(module)
	return err == nil && sameSource(info, head)
}

// sameSource reports whether a head of bytecode has the source's time and size.
func sameSource(info fs.FileInfo, head [16]byte) bool {
	return uint32(info.ModTime().Unix()) == binary.LittleEndian.Uint32(head[8:]) && uint32(info.Size()) == binary.LittleEndian.Uint32(head[12:])
}
