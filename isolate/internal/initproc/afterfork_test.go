package initproc

import (
	"debug/elf"
	"debug/gosym"
	"encoding/binary"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The files whose code runs after the fork, by their package.
var afterFork = map[string][]string{
	"isolate-namespace/isolate/internal/initproc": {"process.go", "serve.go", "memory.go", "siginfo.go"},
	"isolate-namespace/isolate/internal/calls":    {"../calls/run.go"},
}

// What such code may call besides itself: system calls.
var systemCalls = []string{"golang.org/x/sys/unix.RawSyscall6", "syscall.RawSyscall6", "internal/runtime/syscall/linux.Syscall6", "isolate-namespace/isolate/internal/initproc.vfork"}

// What runs after the fork imports nothing that needs a runtime, and every
// function says to the compiler that it may not grow the stack and isn't to be
// instrumented.
func TestAfterForkSource(t *testing.T) {
	allowed := []string{"unsafe", "golang.org/x/sys/unix", "isolate-namespace/isolate/internal/calls"}
	functions := 0
	for _, paths := range afterFork {
		for _, path := range paths {
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range file.Imports {
				if name, _ := strconv.Unquote(spec.Path.Value); !slices.Contains(allowed, name) {
					t.Errorf("%s imports %s", path, name)
				}
			}
			for _, decl := range file.Decls {
				f, ok := decl.(*ast.FuncDecl)
				if !ok {
					continue
				}
				functions++
				for _, pragma := range []string{"//go:nosplit", "//go:norace"} {
					if !hasLine(f.Doc, pragma) {
						t.Errorf("%s: %s lacks %s", path, f.Name.Name, pragma)
					}
				}
			}
		}
	}

	if functions < 20 {
		t.Errorf("only %d functions looked at", functions)
	}
}

// The rest of this package imports no more, so that what is at hand here stays
// what may be used.
func TestImports(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}

	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			switch name, _ := strconv.Unquote(spec.Path.Value); name {
			case "unsafe", "golang.org/x/sys/unix", "isolate-namespace/isolate/internal/calls":
			default:
				t.Errorf("%s imports %s", entry.Name(), name)
			}
		}
	}
}

func hasLine(doc *ast.CommentGroup, line string) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return c.Text == line })
}

// forbidden returns the control of the next test: an index that may be out of range
// has the compiler call the runtime.
//
//go:noinline
func forbidden(numbers []int, i int) int { return numbers[i] }

// In the code that the compiler makes of what runs after the fork, no call
// leads to anything but itself and system calls: not to the allocator, nor to
// what grows a stack, panics, or writes a pointer.
func TestAfterForkCode(t *testing.T) {
	runtime.KeepAlive(reflect.ValueOf((*Process).Start).Pointer()) // keep it in this binary
	if forbidden([]int{1}, 0) != 1 {
		t.Fatal("can't be")
	}
	binary := openBinary(t)
	own := map[string]bool{}
	for pkg, paths := range afterFork {
		for _, name := range functionsIn(t, pkg, paths) {
			own[name] = true
		}
	}

	looked := 0
	for name := range own {
		targets, ok := binary.callsOf(t, name)
		if !ok {
			continue // it is inlined into others
		}
		looked++
		for _, target := range targets {
			if !own[target] && !slices.Contains(systemCalls, target) {
				t.Errorf("%s calls %s", name, target)
			}
		}
	}

	if looked < 10 {
		t.Errorf("only %d functions looked at, of %v", looked, slices.Sorted(maps.Keys(own)))
	}
	for name, want := range map[string]string{
		"isolate-namespace/isolate/internal/initproc.forbidden":        "runtime.panic",
		"isolate-namespace/isolate/internal/initproc.(*Process).serve": "isolate-namespace/isolate/internal/initproc.(*Process).reap",
	} {
		targets, _ := binary.callsOf(t, name)
		if !slices.ContainsFunc(targets, func(target string) bool { return strings.HasPrefix(target, want) }) {
			t.Errorf("%s calls %v and no %s: this shows nothing", name, targets, want)
		}
	}
}

// functionsIn returns the linker's names of the functions in some files.
func functionsIn(t *testing.T, pkg string, paths []string) (names []string) {
	t.Helper()
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			switch {
			case !ok:
			case f.Recv == nil:
				names = append(names, pkg+"."+f.Name.Name)
			default:
				receiver := f.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name
				names = append(names, fmt.Sprintf("%s.(*%s).%s", pkg, receiver, f.Name.Name))
			}
		}
	}
	return names
}

// A compiled is the code of this test. Its symbols are the ones that tracebacks
// need, since go test strips the others.
type compiled struct {
	start uint64
	code  []byte
	table *gosym.Table
	names map[uint64]string // of the functions that begin at an address
}

func openBinary(t *testing.T) *compiled {
	t.Helper()
	file, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()

	text := file.Section(".text")
	c := &compiled{start: text.Addr, names: map[uint64]string{}}
	if c.code, err = text.Data(); err != nil {
		t.Fatal(err)
	}

	lines, err := file.Section(".gopclntab").Data()
	if err != nil {
		t.Fatal(err)
	}
	if c.table, err = gosym.NewTable(nil, gosym.NewLineTable(lines, text.Addr)); err != nil {
		t.Fatal(err)
	}
	for _, f := range c.table.Funcs {
		c.names[f.Entry] = f.Name
	}
	return c
}

// callsOf returns the functions that one calls or jumps to, and whether it is
// there. Indirect calls would need a pointer to a function, of which the source
// has none.
func (c *compiled) callsOf(t *testing.T, name string) (targets []string, ok bool) {
	t.Helper()
	f := c.table.LookupFunc(name)
	if f == nil {
		return nil, false
	}

	code := c.code[f.Entry-c.start : f.End-c.start]
	for i := range code {
		at := f.Entry + uint64(i)
		var target uint64
		switch {
		case runtime.GOARCH == "amd64" && (code[i] == 0xe8 || code[i] == 0xe9) && i+5 <= len(code): // CALL, JMP
			target = at + 5 + uint64(int64(int32(binary.LittleEndian.Uint32(code[i+1:]))))
		case runtime.GOARCH == "arm64" && i%4 == 0 && i+4 <= len(code):
			word := binary.LittleEndian.Uint32(code[i:])
			if word>>26&0x1f != 0b00101 { // B, BL
				continue
			}
			target = at + uint64(int64(int32(word<<6))>>6*4)
		default:
			continue
		}
		if to, ok := c.names[target]; ok && to != name {
			targets = append(targets, to)
		}
	}

	return targets, true
}
