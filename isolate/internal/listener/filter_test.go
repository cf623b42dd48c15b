package listener

import (
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// verdict returns the filter's word about one call, as the kernel would.
func verdict(t *testing.T, arch uint32, number uintptr, args ...uint32) int {
	t.Helper()
	var raw []bpf.RawInstruction
	for code := filter(); len(code) > 0; code = code[instructionSize:] {
		raw = append(raw, bpf.RawInstruction{Op: binary.NativeEndian.Uint16(code), Jt: code[2], Jf: code[3], K: binary.NativeEndian.Uint32(code[4:])})
	}
	program, whole := bpf.Disassemble(raw)
	if !whole {
		t.Fatal("not all of the filter is known")
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}

	// struct seccomp_data. The VM loads words in network order, the kernel in its own.
	data := binary.BigEndian.AppendUint32(nil, uint32(number))
	data = binary.BigEndian.AppendUint32(data, arch)
	data = append(data, make([]byte, 8)...)
	for i := range 6 {
		arg := uint32(0)
		if i < len(args) {
			arg = args[i]
		}
		data = binary.BigEndian.AppendUint32(data, arg)
		data = append(data, make([]byte, 4)...)
	}
	got, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// The filter hands over the calls of the table, and allows all others, those of another
// architecture included, and those that are about a descriptor.
func TestFilter(t *testing.T) {
	all := table()
	for number := range uintptr(600) {
		want := unix.SECCOMP_RET_ALLOW
		if _, known := all[number]; known {
			want = unix.SECCOMP_RET_USER_NOTIF
		}
		if got := verdict(t, architecture, number); got != want {
			t.Errorf("call %d: %#x, want %#x", number, got, want)
		}
		if got := verdict(t, architecture^1, number); got != unix.SECCOMP_RET_ALLOW {
			t.Errorf("call %d of another architecture: %#x", number, got)
		}
	}
	for number, args := range map[uintptr][]uint32{
		unix.SYS_NEWFSTATAT: {3, 0, 0, unix.AT_EMPTY_PATH},
		unix.SYS_STATX:      {3, 0, unix.AT_EMPTY_PATH | unix.AT_SYMLINK_NOFOLLOW},
	} {
		if got := verdict(t, architecture, number, args...); got != unix.SECCOMP_RET_ALLOW {
			t.Errorf("call %d about a descriptor: %#x", number, got)
		}
	}
}

// No call is listened to by which the listener itself is sent, or any that a fork of the
// caller makes after that, but the exec.
func TestTableLeavesTheWayOut(t *testing.T) {
	for number := range table() {
		if slices.Contains([]uintptr{unix.SYS_SENDMSG, unix.SYS_WRITE, unix.SYS_EXIT_GROUP, unix.SYS_PRLIMIT64}, number) {
			t.Errorf("call %d would wait for ever", number)
		}
	}
}
