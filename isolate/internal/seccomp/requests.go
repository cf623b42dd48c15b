package seccomp

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Requests are those requests of ioctl(2) whose bits in Mask are Value.
type Requests struct{ Mask, Value uint32 }

// The parts of a request (asm-generic/ioctl.h).
const (
	typeBits     = 0xff << 8
	writeBit     = 1 << 30
	readBit      = 2 << 30
	transferBits = writeBit | readBit
)

// OfType returns the requests of a driver's type.
func OfType(driver byte) Requests { return Requests{typeBits, uint32(driver) << 8} }

// WithData returns the requests of a driver's type that say that they have data. The
// old ones, of terminals and consoles, don't say.
func WithData(driver byte) (all []Requests) {
	for _, transfer := range []uint32{writeBit, readBit, writeBit | readBit} {
		all = append(all, Requests{typeBits | transferBits, uint32(driver)<<8 | transfer})
	}
	return all
}

const (
	instructionSize = 8 // sizeof(struct sock_filter)

	numberAt, archAt, requestAt = 0, 4, 24 // in struct seccomp_data; of an argument the low half
)

// passing returns the beginning of a filter that allows the requests. Everything else
// goes on to the filter that is put behind it, in which all jumps are relative.
func passing(requests []Requests) (f []byte) {
	add := func(code uint16, yes, no int, value uint32) {
		f = binary.NativeEndian.AppendUint16(f, code)
		f = append(f, byte(yes), byte(no))
		f = binary.NativeEndian.AppendUint32(f, value)
	}
	const load, equals = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K

	each := 4 // instructions
	add(load, 0, 0, archAt)
	add(equals, 0, 2+each*len(requests), architecture)
	add(load, 0, 0, numberAt)
	add(equals, 0, each*len(requests), unix.SYS_IOCTL)
	for _, r := range requests {
		add(load, 0, 0, requestAt)
		add(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, 0, 0, r.Mask)
		add(equals, 0, 1, r.Value)
		add(unix.BPF_RET|unix.BPF_K, 0, 0, unix.SECCOMP_RET_ALLOW)
	}
	return f
}
