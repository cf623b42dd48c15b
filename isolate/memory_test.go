package isolate

import (
	"os"
	"testing"
)

// A program reads the memory of its own processes by process_vm_readv(2), as
// MPI does, and not that of init, which is a copy of the caller's.
func TestMemoryOfInit(t *testing.T) {
	const script = `
exec python3 -c '
import ctypes, os, re, subprocess
libc = ctypes.CDLL(None, use_errno=True)
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
def read(pid, address):
    to = ctypes.create_string_buffer(8)
    local, remote = Vector(ctypes.addressof(to), 8), Vector(address, 8)
    n = libc.process_vm_readv(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    return n if n >= 0 else os.strerror(ctypes.get_errno())
child = subprocess.Popen(["sleep", "9"])
start = int(re.match("[0-9a-f]+", open(f"/proc/{child.pid}/maps").read())[0], 16)
print(read(child.pid, start), read(1, 0x400000), sep=", ")
'`
	out, err := sh(t, in(t.TempDir()), script)
	if err != nil || out != "8, Operation not permitted\n" {
		t.Errorf("%v, %q", err, out)
	}
}

// The caller's other groups all look like nobody's inside: a program that copies
// files would try to give some to them.
func TestGroups(t *testing.T) {
	out, err := sh(t, in(t.TempDir()), `python3 -c 'import os; print(os.getgroups())'`)
	if err != nil || out != "[]\n" {
		t.Errorf("%v, %q", err, out)
	}
}

// What counts processors finds them, can't change them, and finds nothing else of
// the machine beside them.
func TestProcessorsAreCounted(t *testing.T) {
	want, err := os.ReadFile("/sys/devices/system/cpu/possible")
	if err != nil {
		t.Fatal(err)
	}
	out, err := sh(t, in(t.TempDir()), `cat /sys/devices/system/cpu/possible
ls /sys /sys/devices /sys/devices/system | grep -v '^$'
test -w /sys/devices/system/cpu/cpu0 || echo read-only`)
	beside := "/sys:\ndevices\n/sys/devices:\nsystem\n/sys/devices/system:\ncpu\n"
	if _, err := os.Stat("/sys/devices/system/node"); err == nil {
		beside += "node\n"
	}
	if err != nil || out != string(want)+beside+"read-only\n" {
		t.Errorf("%v, %q", err, out)
	}
}
