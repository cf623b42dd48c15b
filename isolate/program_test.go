package isolate

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// run stops at the first call that fails, takes the errors that are fine, and
// hands results on to later calls.
func TestProgramRun(t *testing.T) {
	p := newProgram()
	fd := p.get(note{"open", "/dev/zero"}, unix.SYS_OPENAT, cwd(), p.str("/dev/zero"), num(unix.O_RDONLY), num(0))
	buffer := p.data([]byte("full"))
	p.do(note{"read", ""}, unix.SYS_READ, fd.arg(), buffer, num(4))
	p.close(fd)
	p.do(note{"make the directory", "/"}, unix.SYS_MKDIRAT, cwd(), p.str("/"), num(0)).fine = unix.EEXIST
	p.do(note{"close nothing", ""}, unix.SYS_CLOSE, num(-1)).fine = anyError
	p.do(note{"fail", "here"}, unix.SYS_CLOSE, num(-1))
	p.do(note{"never", "reached"}, unix.SYS_EXIT_GROUP, num(99))
	p.load()
	failed, errno := p.run()
	if errno != unix.EBADF || p.notes[failed].doing != "fail" {
		t.Errorf("stopped at %v with %v", p.notes[failed], errno)
	}
	at := int(p.calls[1].args[1].value - p.base())
	if got := string(p.mem[at : at+4]); got != "\x00\x00\x00\x00" {
		t.Errorf("memory holds %q, want what was read", got)
	}
	if lines := strings.Split(p.String(), "\n"); lines[0] != "open /dev/zero" {
		t.Errorf("listed as %q", lines[0])
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
