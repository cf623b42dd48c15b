package calls

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// run stops at the first call that fails, takes the errors that are fine, and
// hands results on to later calls.
func TestRun(t *testing.T) {
	l := New()
	fd := l.Get(MountSource.Of("/dev/zero"), unix.SYS_OPENAT, CWD(), l.Str("/dev/zero"), Num(unix.O_RDONLY), Num(0))
	buffer := l.Data([]byte("full"))
	l.Do(MakeFile.Of(""), unix.SYS_READ, fd.Arg(), buffer, Num(4))
	l.Close(fd)
	l.Do(MakeDirectory.Of("/"), unix.SYS_MKDIRAT, CWD(), l.Str("/"), Num(0)).Fine = unix.EEXIST
	l.Do(CloseDescriptor.Of(""), unix.SYS_CLOSE, Num(-1)).Fine = AnyError
	l.Do(LeaveRoot.Of("here"), unix.SYS_CLOSE, Num(-1))
	l.Do(LoadFilter.Of("reached"), unix.SYS_EXIT_GROUP, Num(99))
	l.Load()
	failed, errno := l.Run(0, l.Len())
	if errno != unix.EBADF || l.notes[failed].Path != "here" {
		t.Errorf("stopped at %v with %v", l.notes[failed], errno)
	}
	at := int(l.calls[1].args[1] - l.base())
	if got := string(l.mem[at : at+4]); got != "\x00\x00\x00\x00" {
		t.Errorf("memory holds %q, want what was read", got)
	}
}

// A list stays in the memory that it was given for as long as it fits there.
func TestNewIn(t *testing.T) {
	for _, row := range []struct {
		strings, calls, slots int
		fits                  bool
	}{{0, 0, 0, true}, {100, 10, 10, true}, {10_000, 0, 0, false}, {0, 100, 0, false}, {0, 0, 1000, false}} {
		memory := make([]byte, 1<<13)
		l := NewIn(memory)
		l.Str(strings.Repeat("x", row.strings))
		for range row.calls {
			l.Do(Note{}, unix.SYS_GETPID)
		}
		for range row.slots {
			l.slots = append(l.slots, 0)
		}
		if l.IsIn(memory) != row.fits {
			t.Errorf("%+v: %v", row, !row.fits)
		}
	}
}

func TestStrings(t *testing.T) {
	l := New()
	array := l.Strings([]string{"a", "", "long enough"})
	l.Load()
	if len(l.ptrs) != 3 {
		t.Fatalf("%d addresses, want 3", len(l.ptrs))
	}
	for i, want := range []string{"a", "", "long enough"} {
		at := l.ptrs[i].to
		if got := string(l.mem[at : at+len(want)+1]); got != want+"\x00" || l.ptrs[i].at != int(array.value)+8*i {
			t.Errorf("entry %d is %q at %d", i, got, l.ptrs[i].at)
		}
	}
}

// Each step has its words, and nothing follows the last one.
func TestSteps(t *testing.T) {
	for s := range Step(len(texts)) {
		if s.String() == "" {
			t.Errorf("step %d has no words", s)
		}
	}
	if len(texts) != int(SetSysctl)+1 {
		t.Errorf("%d steps have words, and the last one is %d", len(texts), SetSysctl)
	}
}
