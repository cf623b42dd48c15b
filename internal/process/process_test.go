package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A path may end with the last page that is there, and lie in two pages.
func TestPath(t *testing.T) {
	page := os.Getpagesize()
	pages, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mprotect(pages[2*page:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 2*page-1)

	for _, test := range []struct {
		name, text string
		at         int
		want       string
		err        error
	}{
		{"short", "/a/b\x00", 8, "/a/b", nil},
		{"empty", "\x00", 8, "", nil},
		{"in two pages", "/a/b\x00", page - 2, "/a/b", nil},
		{"up to the end", "/a/b\x00", 2*page - 5, "/a/b", nil},
		{"without an end", "/a/b", 2*page - 4, "", unix.EFAULT},
		{"too long", long, 0, "", unix.ENAMETOOLONG},
		{"behind the end", "", 2 * page, "", unix.EFAULT},
	} {
		clear(pages[:2*page])
		copy(pages[test.at:2*page], test.text)
		got, err := Path(os.Getpid(), uint64(uintptr(unsafe.Pointer(&pages[0]))+uintptr(test.at)))
		if got != test.want || err != test.err {
			t.Errorf("%s: %.20q, %v", test.name, got, err)
		}
	}
	if _, err := Path(os.Getpid(), 0); err != unix.EFAULT {
		t.Error("there is a path at 0")
	}

	copy(pages, "whole")
	at := uint64(uintptr(unsafe.Pointer(&pages[0])))
	if got := Memory(os.Getpid(), at, 5); string(got) != "whole" {
		t.Errorf("memory has %q", got)
	}
	if got := Memory(os.Getpid(), at, 4*page); len(got) != 2*page {
		t.Errorf("%d bytes of memory, want those of two pages", len(got))
	}
}

func TestDir(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Dir(os.Getpid(), unix.AT_FDCWD); got != real || err != nil {
		t.Errorf("%q, %v; want %q", got, err, real)
	}

	gone := filepath.Join(dir, "gone")
	os.Mkdir(gone, 0o700)
	f, err := os.Open(gone)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := Dir(os.Getpid(), int32(f.Fd())); got != filepath.Join(real, "gone") || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	os.Remove(gone)
	if got, err := Dir(os.Getpid(), int32(f.Fd())); err == nil {
		t.Errorf("a deleted directory is %q", got)
	}
	if got, err := Dir(os.Getpid(), 12345); err == nil {
		t.Errorf("no directory is %q", got)
	}
}
