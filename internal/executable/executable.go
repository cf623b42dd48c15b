// Package executable reads what the kernel and the dynamic linker go by in a
// program's file: its interpreter and its libraries. The file may be anybody's,
// so what is read of it is bounded, whatever it says of itself.
package executable

import (
	"bytes"
	"encoding/binary"
	"io"
)

// A File is what a program's file says of itself. None of it is to be
// believed, nor to be shown as if we said it.
type File struct {
	// Script says that Interpreter comes from a script's first line.
	Script bool
	// Interpreter is what the kernel starts for the file: the program that a
	// script names, or the dynamic linker; "" if there is none.
	Interpreter string
	// Machine is an ELF file's machine, elf(5).
	Machine uint16
	// Needed are the names of the libraries that it is linked with.
	Needed []string
	// RPath and RunPath are the directories that it names for them, ld.so(8): the
	// values of DT_RPATH and DT_RUNPATH, each a list with colons.
	RPath, RunPath []string
}

// The most that is read of each part, in bytes.
const (
	maxFirstLine   = 256      // BINPRM_BUF_SIZE in include/uapi/linux/binfmts.h
	maxInterpreter = 4096     // PATH_MAX, as load_elf_binary in fs/binfmt_elf.c has it
	maxHeaders     = 64 << 10 // as load_elf_phdrs there has it
	maxDynamic     = 64 << 10

	maxNames = 256  // libraries, and lists of directories
	maxName  = 4096 // each
)

// Read reads r from its beginning. The File is empty for what is neither a
// script nor a program in the byte order of this machine.
func Read(r io.ReaderAt) File {
	start := make([]byte, maxFirstLine)
	n, _ := r.ReadAt(start, 0)
	start = start[:n]
	if script, ok := bytes.CutPrefix(start, []byte("#!")); ok {
		return File{Script: true, Interpreter: firstLine(script)}
	}
	p, ok := parse(r, start)
	if !ok {
		return File{}
	}
	f := File{Machine: p.machine, Interpreter: p.interpreter()}
	p.libraries(&f)
	return f
}

// firstLine returns the interpreter that a script names, as load_script in
// fs/binfmt_script.c finds it.
func firstLine(script []byte) string {
	line, _, _ := bytes.Cut(script, []byte("\n"))
	line = bytes.TrimLeft(line, " \t")
	if end := bytes.IndexAny(line, " \t\x00"); end >= 0 {
		line = line[:end]
	}
	return string(line)
}

// A program is an ELF file with its program headers.
type program struct {
	file     io.ReaderAt
	machine  uint16
	layout   layout
	segments []segment
}

// A segment is what a program header says.
type segment struct {
	kind                uint32
	offset, size, vaddr uint64
}

// Kinds of segments and tags of the dynamic section, elf(5).
const (
	ptLoad, ptDynamic, ptInterp = 1, 2, 3

	dtNull, dtNeeded, dtStrtab, dtStrsz, dtRpath, dtRunpath = 0, 1, 5, 10, 15, 29
)

// A layout says where the fields are in the files of one class.
type layout struct {
	word                     uint64 // size of an address
	header                   int
	phoff, phentsize, phnum  uint64 // in the file's header
	segment                  uint64 // size of a program header
	offset, vaddr, filesSize uint64 // in a program header
}

func layoutOf(class byte) (l layout, ok bool) {
	switch class {
	case 1:
		return layout{4, 52, 28, 42, 44, 32, 4, 8, 16}, true
	case 2:
		return layout{8, 64, 32, 54, 56, 56, 8, 16, 32}, true
	}
	return layout{}, false
}

// number reads the address or offset at a place in data.
func (l *layout) number(data []byte, at uint64) uint64 {
	if l.word == 4 {
		return uint64(binary.LittleEndian.Uint32(data[at:]))
	}
	return binary.LittleEndian.Uint64(data[at:])
}

// parse reads the program headers of a file that begins with start.
func parse(file io.ReaderAt, start []byte) (p *program, ok bool) {
	const littleEndian = 1
	if len(start) < 20 || string(start[:4]) != "\x7fELF" || start[5] != littleEndian {
		return nil, false
	}
	l, ok := layoutOf(start[4])
	if !ok || len(start) < l.header {
		return nil, false
	}
	if uint64(binary.LittleEndian.Uint16(start[l.phentsize:])) != l.segment {
		return nil, false
	}

	p = &program{file: file, layout: l, machine: binary.LittleEndian.Uint16(start[18:])}
	count := uint64(binary.LittleEndian.Uint16(start[l.phnum:]))
	headers, ok := p.read(l.number(start, l.phoff), count*l.segment, maxHeaders)
	if !ok {
		return nil, false
	}
	for ; len(headers) > 0; headers = headers[l.segment:] {
		p.segments = append(p.segments, segment{
			kind:   binary.LittleEndian.Uint32(headers),
			offset: l.number(headers, l.offset),
			size:   l.number(headers, l.filesSize),
			vaddr:  l.number(headers, l.vaddr),
		})
	}
	return p, true
}

// read reads size bytes, which may not be more than most, nor lie elsewhere
// than in the file.
func (p *program) read(offset, size, most uint64) (data []byte, ok bool) {
	if size > most || offset > 1<<62 {
		return nil, false
	}
	data = make([]byte, size)
	n, _ := p.file.ReadAt(data, int64(offset))
	return data, n == len(data)
}

// segment reads the first segment of a kind.
func (p *program) segment(kind uint32, most uint64) []byte {
	for _, s := range p.segments {
		if s.kind == kind {
			data, _ := p.read(s.offset, s.size, most)
			return data
		}
	}
	return nil
}

func (p *program) interpreter() string {
	path, _, _ := bytes.Cut(p.segment(ptInterp, maxInterpreter), []byte{0})
	return string(path)
}

// libraries fills in what the dynamic section names.
func (p *program) libraries(f *File) {
	var table, size uint64
	var needed, rpath, runpath []uint64 // offsets in the table of strings

	dynamic := p.segment(ptDynamic, maxDynamic)
	for entry := 2 * p.layout.word; uint64(len(dynamic)) >= entry; dynamic = dynamic[entry:] {
		value := p.layout.number(dynamic, p.layout.word)
		tag := p.layout.number(dynamic, 0)
		if tag == dtNull {
			break
		}
		switch tag {
		case dtNeeded:
			needed = append(needed, value)
		case dtRpath:
			rpath = append(rpath, value)
		case dtRunpath:
			runpath = append(runpath, value)
		case dtStrtab:
			table = value
		case dtStrsz:
			size = value
		}
	}

	strings := p.loaded(table, size)
	f.Needed, f.RPath, f.RunPath = names(strings, needed), names(strings, rpath), names(strings, runpath)
}

// loaded returns what a segment loads to an address.
func (p *program) loaded(address, size uint64) *io.SectionReader {
	for _, s := range p.segments {
		if s.kind == ptLoad && address >= s.vaddr && address-s.vaddr < s.size && s.offset < 1<<61 && address-s.vaddr < 1<<61 {
			there := s.size - (address - s.vaddr)
			return io.NewSectionReader(p.file, int64(s.offset+(address-s.vaddr)), int64(min(size, there, 1<<61)))
		}
	}
	return io.NewSectionReader(p.file, 0, 0)
}

// names returns the strings at some offsets of a table, all of which may be of the
// same long one. Tables are long in C++: only the names are read.
func names(table *io.SectionReader, offsets []uint64) []string {
	var all []string
	block := make([]byte, maxName+1)
	for _, offset := range offsets[:min(len(offsets), maxNames)] {
		if offset >= uint64(table.Size()) {
			continue
		}
		n, _ := table.ReadAt(block, int64(offset))
		if name, _, ended := bytes.Cut(block[:n], []byte{0}); ended {
			all = append(all, string(name))
		}
	}
	return all
}
