package walk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFollow(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	for _, dir := range []string{"a/b", "c"} {
		if err := os.MkdirAll(at(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at("a/file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{
		"a/relative": "../c", "a/absolute": "/c", "a/up": "../../../../c", "a/dangling": "/c/none/x", "a/circle": "circle",
		"a/tofile": "file", "a/slashes": "//c//.//", "a/deep": "b/../relative",
	} {
		if err := os.Symlink(to, at(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(at("a/fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(root, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)

	for _, test := range []struct {
		path    string
		link    bool
		want    string
		missing int
		err     error
	}{
		{path: "/", want: "/"},
		{path: "/..", want: "/"},
		{path: "/a/file", want: "/a/file"},
		{path: "//a/./b/../file", want: "/a/file"},
		{path: "/a/fifo", want: "/a/fifo"},
		{path: "/a/relative", want: "/c"},
		{path: "/a/relative", link: true, want: "/a/relative"},
		{path: "/a/relative/../a/file", want: "/a/file"},
		{path: "/a/absolute/none", want: "/c/none", missing: 1},
		{path: "/a/up", want: "/c"},
		{path: "/a/slashes", want: "/c"},
		{path: "/a/deep", want: "/c"},
		{path: "/a/tofile", want: "/a/file"},
		{path: "/a/dangling", want: "/c/none/x", missing: 2},
		{path: "/a/dangling", link: true, want: "/a/dangling"},
		{path: "/a/dangling/y", want: "/c/none/x/y", missing: 3},
		{path: "/none", want: "/none", missing: 1},
		{path: "/none/at/../all", want: "/none/all", missing: 2},
		{path: "/none/../..", want: "/", missing: 0},
		{path: "/a/file/x", want: "/a/file/x", missing: 1},
		{path: "/a/circle", err: unix.ELOOP},
		{path: strings.Repeat("/a/..", 1000), err: unix.ENAMETOOLONG},
	} {
		got, err := Follow(fd, test.path, test.link, func(string) bool { return false })
		if err != test.err || got.Path != test.want || got.Missing != test.missing {
			t.Errorf("%.30s, %v: %q, %d missing, %v; want %q, %d, %v", test.path, test.link, got.Path, got.Missing, err, test.want, test.missing, test.err)
		}
	}
}
