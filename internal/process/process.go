// Package process reads what another process has: its memory, and where its
// relative paths begin. Whoever may trace it may do so (ptrace(2)).
package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Path reads a path that ends with a NUL from a thread's memory. The error is EFAULT or
// ENAMETOOLONG if there is none there, and another one if the memory can't be read.
func Path(tid int, address uint64) (string, error) {
	var all []byte
	for len(all) < unix.PathMax {
		chunk, err := memory(tid, address+uint64(len(all)), unix.PathMax-len(all))
		if err != nil {
			return "", err
		}
		if end := bytes.IndexByte(chunk, 0); end >= 0 {
			return string(append(all, chunk[:end]...)), nil
		}
		all = append(all, chunk...)
	}
	return "", unix.ENAMETOOLONG
}

// Memory reads length bytes of a thread's memory, or less if there is less.
func Memory(tid int, address uint64, length int) []byte {
	var all []byte
	for len(all) < length {
		chunk, err := memory(tid, address+uint64(len(all)), length-len(all))
		if err != nil {
			break
		}
		all = append(all, chunk...)
	}
	return all
}

// memory reads up to length bytes, and no further than to the end of a page: what
// is behind may not be there.
func memory(tid int, address uint64, length int) ([]byte, error) {
	page := uint64(os.Getpagesize())
	chunk := make([]byte, min(uint64(length), page-address%page))
	local := []unix.Iovec{{Base: &chunk[0]}}
	local[0].SetLen(len(chunk))
	n, err := unix.ProcessVMReadv(tid, local, []unix.RemoteIovec{{Base: uintptr(address), Len: len(chunk)}}, 0)
	if err == nil && n == 0 {
		err = unix.EFAULT
	}
	return chunk[:max(n, 0)], err
}

// Dir returns the directory at which relative paths of a process begin: its working
// directory for AT_FDCWD, or else that of a descriptor. The path is one in the
// process's own tree of files.
func Dir(pid int, dir int32) (string, error) {
	link := fmt.Sprintf("/proc/%d/cwd", pid)
	if dir != unix.AT_FDCWD {
		link = fmt.Sprintf("/proc/%d/fd/%d", pid, dir)
	}
	path, err := os.Readlink(link)
	if err == nil && (!filepath.IsAbs(path) || strings.HasSuffix(path, " (deleted)")) {
		err = errors.New("no directory with a path")
	}
	return path, err
}
