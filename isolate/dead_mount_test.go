package isolate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A FUSE file system whose program has ended is named as what it is, if a source lies
// in it, and is in nobody's way elsewhere.
func TestFileSystemWithoutItsServer(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root can mount here
	}
	dir := files(t, "dead dir/", "file")
	dead := filepath.Join(dir, "dead dir")
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	err = unix.Mount("dead", dead, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd))
	unix.Close(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dead, unix.MNT_DETACH)

	_, err = sh(t, in(filepath.Join(dead, "below")), "true")
	if e, ok := err.(*SetupError); !ok || e.Kind != KindDeadServer || e.About != dead {
		t.Errorf("as a source: %#v", err)
	}
	p := in(dir)
	p.Env = []string{"PATH=" + dead + ":/usr/bin:/bin"}
	var out strings.Builder
	cmd := Command(p, "cat", "file")
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil || out.String() != "file\n" {
		t.Errorf("in PATH: %q, %v", out.String(), err)
	}
}
