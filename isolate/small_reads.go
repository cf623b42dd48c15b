package isolate

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// An entry is a name in a directory, and its kind as in d_type (getdents(2)).
type entry struct {
	name string
	kind uint8
}

// readEntries reads the next entries of an open directory, as many as fit into buffer, and
// none at its end. Package os reads the kind and the size of the directory as well, and
// sorts.
func readEntries(fd int, buffer []byte) (all []entry, err error) {
	n, err := unix.Getdents(fd, buffer)
	if err != nil {
		return nil, err
	}
	for rest := buffer[:n]; len(rest) > 0; {
		// struct linux_dirent64, getdents(2)
		const lengthAt, kindAt, nameAt = 16, 18, 19
		length := binary.NativeEndian.Uint16(rest[lengthAt:])
		name, _, _ := bytes.Cut(rest[nameAt:length], []byte{0})
		all = append(all, entry{string(name), rest[kindAt]})
		rest = rest[length:]
	}
	return all, nil
}

// entriesOf returns the entries of a directory, or those that could be read.
func entriesOf(dir string) (all []entry) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	all = make([]entry, 0, 256)
	buffer := make([]byte, 32<<10)
	for {
		more, err := readEntries(fd, buffer)
		if err != nil || len(more) == 0 {
			return all
		}
		all = append(all, more...)
	}
}

// A fileReader reads small files into memory that they share. os.ReadFile takes twice as
// many system calls, and more memory.
type fileReader struct {
	most int // bytes of a file
	room []byte
}

func newFileReader(most int) *fileReader { return &fileReader{most: most} }

// read returns the content of a file, or as much of it as is read.
func (r *fileReader) read(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if cap(r.room)-len(r.room) < r.most {
		r.room = make([]byte, 0, 4*r.most)
	}
	begin := len(r.room)
	n, err := unix.Read(fd, r.room[begin:begin+r.most])
	if err != nil {
		return nil, err
	}
	r.room = r.room[:begin+n]
	return r.room[begin:len(r.room):len(r.room)], nil
}
