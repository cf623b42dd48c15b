package isolate

import (
	"testing"

	"golang.org/x/sys/unix"
)

// run stops at the first call that fails, takes the errors that are fine, and
// hands results on to later calls.
func TestProgramRun(t *testing.T) {
	p := newProgram()
	fd := p.get(note{stepMountSource, "/dev/zero"}, unix.SYS_OPENAT, cwd(), p.str("/dev/zero"), num(unix.O_RDONLY), num(0))
	buffer := p.data([]byte("full"))
	p.do(note{stepMakeFile, ""}, unix.SYS_READ, fd.arg(), buffer, num(4))
	p.close(fd)
	p.do(note{stepMakeDirectory, "/"}, unix.SYS_MKDIRAT, cwd(), p.str("/"), num(0)).fine = unix.EEXIST
	p.do(note{stepCloseDescriptor, ""}, unix.SYS_CLOSE, num(-1)).fine = anyError
	p.do(note{stepLeaveRoot, "here"}, unix.SYS_CLOSE, num(-1))
	p.do(note{stepLoadFilter, "reached"}, unix.SYS_EXIT_GROUP, num(99))
	p.load()
	failed, errno := p.run()
	if errno != unix.EBADF || p.notes[failed].path != "here" {
		t.Errorf("stopped at %v with %v", p.notes[failed], errno)
	}
	at := int(p.calls[1].args[1].value - p.base())
	if got := string(p.mem[at : at+4]); got != "\x00\x00\x00\x00" {
		t.Errorf("memory holds %q, want what was read", got)
	}
}

func TestProgramStrings(t *testing.T) {
	p := newProgram()
	array := p.strings([]string{"a", "", "long enough"})
	p.load()
	if len(p.ptrs) != 3 {
		t.Fatalf("%d addresses, want 3", len(p.ptrs))
	}
	for i, want := range []string{"a", "", "long enough"} {
		at := p.ptrs[i].to
		if got := string(p.mem[at : at+len(want)+1]); got != want+"\x00" || p.ptrs[i].at != int(array.value)+8*i {
			t.Errorf("entry %d is %q at %d", i, got, p.ptrs[i].at)
		}
	}
}

// Each step has its words, and nothing follows the last one.
func TestSteps(t *testing.T) {
	for s := range step(len(stepTexts)) {
		if s.String() == "" {
			t.Errorf("step %d has no words", s)
		}
	}
	if len(stepTexts) != int(stepSetSysctl)+1 {
		t.Errorf("%d steps have words, and the last one is %d", len(stepTexts), stepSetSysctl)
	}
}
