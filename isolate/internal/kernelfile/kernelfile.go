// Package kernelfile reads and writes the kernel's small files: those of /proc,
// /sys and control groups.
package kernelfile

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Write writes text to a file of the kernel.
func Write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// Words returns the words in a file of the kernel.
func Words(path string) []string {
	data, _ := os.ReadFile(path)
	return strings.Fields(string(data))
}

// Number returns the number in a file of the kernel, or 0 if there is none.
func Number(path string) int64 {
	var buffer [32]byte
	n, _ := strconv.ParseInt(string(Peek(path, buffer[:])), 10, 64)
	return n
}

// Field returns the number after a name in a file that has both on each line.
func Field(path, name string) int64 {
	all := Words(path)
	if i := slices.Index(all, name); i >= 0 && i+1 < len(all) {
		n, _ := strconv.ParseInt(all[i+1], 10, 64)
		return n
	}
	return 0
}

// Peek returns the beginning of a short file of the kernel, read into buffer,
// without its line end; it is empty if the file can't be read.
func Peek(path string, buffer []byte) []byte {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buffer)
	if err != nil {
		return nil
	}
	return bytes.TrimSuffix(buffer[:n], []byte{'\n'})
}
