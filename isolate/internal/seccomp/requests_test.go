package seccomp

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// run returns what a filter says of a call, as the kernel does.
func run(t *testing.T, code []byte, arch, number, request uint32) uint32 {
	t.Helper()
	var raw []bpf.RawInstruction
	for ; len(code) > 0; code = code[instructionSize:] {
		raw = append(raw, bpf.RawInstruction{Op: binary.NativeEndian.Uint16(code), Jt: code[2], Jf: code[3], K: binary.NativeEndian.Uint32(code[4:])})
	}
	program, whole := bpf.Disassemble(raw)
	if !whole {
		t.Fatal("not every instruction is known")
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	// struct seccomp_data, in network order, in which the machine loads.
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[numberAt:], number)
	binary.BigEndian.PutUint32(data[archAt:], arch)
	binary.BigEndian.PutUint32(data[requestAt:], request)
	verdict, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(verdict)
}

// The requests pass, and nothing else that the filter behind them refuses.
func TestRequests(t *testing.T) {
	some := append([]Requests{OfType('F'), {Mask: 0xcfffff00}}, WithData('K')...)
	closed, opened := []byte(Code(false)), append(passing(some), Code(false)...)
	given := map[uint32]bool{
		0xc020462a: true, 0x462a: true, 1: true, 75: true, 0x30000001: true,
		0xc0404b19: true, 0x80204b01: true, 0x40044b02: true,

		0x4b49: false, 0x4b32: false, // of consoles, of the same type: KDSKBSENT, KDSETLED
		unix.TIOCSTI: false, unix.TIOCLINUX: false, unix.TIOCSETD: false,
		0xc020660b: false, 0x40046602: false, 0xc0206420: false, 0x5600: false, 0x100: false, 0xc0000001: false,
		unix.SIOCSIFFLAGS: false,
	}
	for request, want := range given {
		if got := run(t, closed, architecture, unix.SYS_IOCTL, request); got == unix.SECCOMP_RET_ALLOW {
			t.Errorf("%#x passes anyway: it shows nothing", request)
		}
		if got := run(t, opened, architecture, unix.SYS_IOCTL, request) == unix.SECCOMP_RET_ALLOW; got != want {
			t.Errorf("%#x passes: %v, want %v", request, got, want)
		}
	}

	for request := uint32(0); request < 1<<16; request += 3 {
		full := request | request<<21
		before, after := run(t, closed, architecture, unix.SYS_IOCTL, full), run(t, opened, architecture, unix.SYS_IOCTL, full)
		isGiven := full>>8&0xff == 'F' || full&0xcfffff00 == 0 || full>>8&0xff == 'K' && full>>30 > 0
		if after != before && !isGiven || isGiven && after != unix.SECCOMP_RET_ALLOW {
			t.Errorf("%#x: %#x, before %#x", full, after, before)
		}
	}
	for number := range uint32(600) {
		if number == unix.SYS_IOCTL {
			continue
		}
		if before, after := run(t, closed, architecture, number, 0x462a), run(t, opened, architecture, number, 0x462a); before != after {
			t.Errorf("call %d: %#x, without requests %#x", number, after, before)
		}
	}
	const foreign = unix.AUDIT_ARCH_I386
	if before, after := run(t, closed, foreign, unix.SYS_IOCTL, 0x462a), run(t, opened, foreign, unix.SYS_IOCTL, 0x462a); before != after {
		t.Errorf("another architecture: %#x, want %#x", after, before)
	}
}

// A jump over them all is no longer than a jump can be.
func TestManyRequests(t *testing.T) {
	var many []Requests
	for i := range 60 {
		many = append(many, OfType(byte(0x90+i)))
	}
	opened := append(passing(many), Code(false)...)
	for request, want := range map[uint32]bool{0x9001: true, 0xcb01: true, 0xcc01: false, 0x5412: false} {
		if got := run(t, opened, architecture, unix.SYS_IOCTL, request) == unix.SECCOMP_RET_ALLOW; got != want {
			t.Errorf("%#x passes: %v", request, got)
		}
	}
	if got := run(t, opened, architecture, unix.SYS_MOUNT, 0); got == unix.SECCOMP_RET_ALLOW {
		t.Error("mount passes")
	}
}
