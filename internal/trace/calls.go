package trace

import (
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/process"
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
func entered(tid, pid int, number uint64, args [6]uint64) *Use {
	dir, path, flags, exec := int32(unix.AT_FDCWD), uint64(0), uint64(0), false
	switch number {
	case unix.SYS_OPENAT:
		dir, path, flags = int32(args[0]), args[1], args[2]
	case unix.SYS_OPENAT2:
		dir, path = int32(args[0]), args[1]
		if how := process.Memory(tid, args[2], 8); len(how) == 8 {
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

	name, err := process.Path(tid, path)
	if err != nil || name == "" {
		return nil
	}
	if !filepath.IsAbs(name) {
		base, err := process.Dir(pid, dir)
		if err != nil {
			return nil
		}
		name = filepath.Join(base, name)
	}
	return &Use{Pid: pid, Path: filepath.Clean(name), Exec: exec}
}
