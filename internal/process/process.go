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

// Path reads a path that ends with a NUL from a thread's memory. ok is false if
// there is none there.
func Path(tid int, address uint64) (path string, ok bool) {
	var all []byte
	for len(all) < unix.PathMax {
		chunk := memory(tid, address+uint64(len(all)), unix.PathMax-len(all))
		if chunk == nil {
			return "", false
		}
		if end := bytes.IndexByte(chunk, 0); end >= 0 {
			return string(append(all, chunk[:end]...)), true
		}
		all = append(all, chunk...)
	}
	return "", false
}

// Memory reads length bytes of a thread's memory, or less if there is less.
func Memory(tid int, address uint64, length int) []byte {
	var all []byte
	for len(all) < length {
		chunk := memory(tid, address+uint64(len(all)), length-len(all))
		if chunk == nil {
			break
		}
		all = append(all, chunk...)
	}
	return all
}

// memory reads up to length bytes, and no further than to the end of a page: what
// is behind may not be there.
func memory(tid int, address uint64, length int) []byte {
	page := uint64(os.Getpagesize())
	chunk := make([]byte, min(uint64(length), page-address%page))
	local := []unix.Iovec{{Base: &chunk[0]}}
	local[0].SetLen(len(chunk))
	n, err := unix.ProcessVMReadv(tid, local, []unix.RemoteIovec{{Base: uintptr(address), Len: len(chunk)}}, 0)
	if err != nil || n == 0 {
		return nil
	}
	return chunk[:n]
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
