package listener

import (
	"encoding/binary"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// filter returns the filter that hands the calls of the table to the listener and
// allows all others, as struct sock_filter, one after the other. The sandbox's own
// filter stands beside it: a call that it refuses doesn't get here (seccomp(2): of
// several filters' actions the first in the order of precedence is taken, and
// SECCOMP_RET_ERRNO comes before SECCOMP_RET_USER_NOTIF).
func filter() []byte {
	const numberAt, archAt, arguments = 0, 4, 16 // struct seccomp_data; a little-endian argument has its low half first
	var f instructions
	f.add(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0, 0, archAt)
	f.add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, 1, 0, architecture)
	f.allow()
	f.add(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0, 0, numberAt)

	all := table()
	for _, number := range slices.Sorted(maps.Keys(all)) {
		flags := all[number].flagsOfDescriptor
		if flags == 0 {
			f.add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, 0, 1, uint32(number))
			f.notify()
			continue
		}
		// fstat(3) is one of these with an empty path.
		f.add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, 0, 4, uint32(number))
		f.add(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0, 0, uint32(arguments+8*flags))
		f.add(unix.BPF_JMP|unix.BPF_JSET|unix.BPF_K, 1, 0, unix.AT_EMPTY_PATH)
		f.notify()
		f.allow()
	}
	f.allow()
	return f
}

// instructions are struct sock_filter, each of instructionSize bytes.
type instructions []byte

const instructionSize = 8

func (f *instructions) add(code uint16, yes, no uint8, value uint32) {
	*f = binary.NativeEndian.AppendUint16(*f, code)
	*f = append(*f, yes, no)
	*f = binary.NativeEndian.AppendUint32(*f, value)
}

func (f *instructions) allow() { f.add(unix.BPF_RET|unix.BPF_K, 0, 0, unix.SECCOMP_RET_ALLOW) }

func (f *instructions) notify() { f.add(unix.BPF_RET|unix.BPF_K, 0, 0, unix.SECCOMP_RET_USER_NOTIF) }
