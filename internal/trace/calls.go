package trace

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call notes what a system call uses: at its entry the path, at its exit
// whether there was such a file.
func (t *tracer) call(tid int, this *thread) {
	var info syscallInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return
	}
	switch info.op {
	case unix.PTRACE_SYSCALL_INFO_ENTRY:
		this.pending = entered(tid, this.process, info.number, info.args)
	case unix.PTRACE_SYSCALL_INFO_EXIT:
		if this.pending != nil && int64(info.number) >= 0 { // which is its result here
			t.uses = append(t.uses, *this.pending)
		}
		this.pending = nil
	}
}

// syscallInfo is struct ptrace_syscall_info of ptrace(2).
type syscallInfo struct {
	op      uint8
	_       [3]uint8
	arch    uint32
	pointer [2]uint64 // of the instruction and of the stack
	number  uint64    // at the entry; the result at the exit
	args    [6]uint64
	_       [16]uint8
}

// entered returns the use that a system call makes of a file, or nil.
func entered(tid, process int, number uint64, args [6]uint64) *Use {
	dir, path, flags, exec := atCwd, uint64(0), uint64(0), false
	switch number {
	case unix.SYS_OPENAT:
		dir, path, flags = int32(args[0]), args[1], args[2]
	case unix.SYS_OPENAT2:
		dir, path = int32(args[0]), args[1]
		if how := read(tid, args[2], 8); len(how) == 8 {
			flags = *(*uint64)(unsafe.Pointer(&how[0]))
		}
	case unix.SYS_EXECVE:
		path, exec = args[0], true
	case unix.SYS_EXECVEAT:
		dir, path, exec = int32(args[0]), args[1], true
	case sysOpen:
		path, flags = args[0], args[1]
	default:
		return nil
	}
	if flags&unix.O_ACCMODE != unix.O_RDONLY || flags&unix.O_CREAT != 0 {
		return nil
	}

	text := read(tid, path, unix.PathMax)
	name, _, whole := bytes.Cut(text, []byte{0})
	if !whole || len(name) == 0 {
		return nil
	}
	absolute := absolute(process, dir, string(name))
	if absolute == "" {
		return nil
	}
	return &Use{Pid: process, Path: absolute, Exec: exec}
}

const atCwd = int32(unix.AT_FDCWD)

// absolute makes a path of a process absolute, or "".
func absolute(pid int, dir int32, path string) string {
	if !filepath.IsAbs(path) {
		link := fmt.Sprintf("/proc/%d/cwd", pid)
		if dir != atCwd {
			link = fmt.Sprintf("/proc/%d/fd/%d", pid, dir)
		}
		base, err := os.Readlink(link)
		if err != nil || !filepath.IsAbs(base) {
			return ""
		}
		path = filepath.Join(base, path)
	}
	return filepath.Clean(path)
}

// read reads up to length bytes of a thread's memory, up to the end of a page
// that is there.
func read(tid int, address uint64, length int) []byte {
	var all []byte
	for page := os.Getpagesize(); len(all) < length; {
		chunk := make([]byte, min(length-len(all), page-int(address)%page))
		local := []unix.Iovec{{Base: &chunk[0]}}
		local[0].SetLen(len(chunk))
		n, err := unix.ProcessVMReadv(tid, local, []unix.RemoteIovec{{Base: uintptr(address), Len: len(chunk)}}, 0)
		if err != nil || n == 0 {
			break
		}
		all = append(all, chunk[:n]...)
		if bytes.IndexByte(chunk[:n], 0) >= 0 && length > 8 {
			break
		}
		address += uint64(n)
	}
	return all
}
