package isolate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMounts(t *testing.T) {
	both := func(path string, a Access) Mount { return Mount{Source: path, Target: path, Access: a} }
	cases := []struct {
		name, in string
		want     []Mount
	}{
		{"nothing", "  \n\t", nil},
		{"the working directory", ".", []Mount{both("/work dir", Writable)}},
		{"relative", "data ../other", []Mount{both("/work dir/data", Writable), both("/other", Writable)}},
		{"read-only", "ro:/data", []Mount{both("/data", ReadOnly)}},
		{"copy-on-write", "cow:.", []Mount{both("/work dir", CopyOnWrite)}},
		{"optional", "try:/data", []Mount{{Source: "/data", Target: "/data", Optional: true}}},
		{"prefixes together", "ro,try,rbind:/data", []Mount{{Source: "/data", Target: "/data", Access: ReadOnly, Optional: true}}},
		{"another place", "/course=/srv/course", []Mount{{Source: "/srv/course", Target: "/course"}}},
		{"another place, relative", "x=ro", []Mount{{Source: "/work dir/ro", Target: "/work dir/x"}}},
		{"read-only elsewhere", "ro:/course=data", []Mount{{Source: "/work dir/data", Target: "/course", Access: ReadOnly}}},
		{"masked", "/etc/fonts=none", []Mount{{Target: "/etc/fonts", Access: Masked}}},
		{"home", "~ ~/x", []Mount{both("/home/ann", Writable), both("/home/ann/x", Writable)}},
		{"a tilde that is a name", "./~ /~", []Mount{both("/work dir/~", Writable), both("/~", Writable)}},
		{"a space", `/a\ b ro:/c\ d=/e\ f`, []Mount{both("/a b", Writable), {Source: "/e f", Target: "/c d", Access: ReadOnly}}},
		{"an equals sign", `/a\=b`, []Mount{both("/a=b", Writable)}},
		{"a second equals sign is the source's", `/a=/b=c`, []Mount{{Source: "/b=c", Target: "/a"}}},
		{"a backslash", `/a\\b`, []Mount{both(`/a\b`, Writable)}},
		{"a newline in a path", "/a\\\nb", []Mount{both("/a\nb", Writable)}},
		{"a colon in a path", "/a:b ./c:d", []Mount{both("/a:b", Writable), both("/work dir/c:d", Writable)}},
		{"no UTF-8", "/\xff", []Mount{both("/\xff", Writable)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseMounts(c.in, "/work dir", "/home/ann")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("ParseMounts(%q), want - got +:\n%s", c.in, diff)
			}
		})
	}
}

func TestParseMountsRefuses(t *testing.T) {
	cases := []struct{ in, why string }{
		{"rw:/data", `1 "rw:/data": unknown prefix "rw"`},
		{"/ok ro,xx:/data", `2 "ro,xx:/data": unknown prefix "xx"`},
		{"ro:", "empty path"},
		{"=x", "empty path"},
		{"x=", "empty path"},
		{"ro:/x=none", "both shown and hidden"},
		{"/a\x00b", "NUL"},
	}
	for _, c := range cases {
		_, err := ParseMounts(c.in, "/work", "/home/ann")
		if err == nil || !strings.Contains(err.Error(), c.why) || kindOf(err) != KindEntry {
			t.Errorf("ParseMounts(%q): %v of kind %q; want %q", c.in, err, kindOf(err), c.why)
		}
	}
	if _, err := ParseMounts("~/x", "/work", ""); err == nil {
		t.Error("~ without a home directory was accepted")
	}
}

func TestHomeIsNotShown(t *testing.T) {
	home := files(t, "course/", "link -> .")
	cases := []struct {
		entries string
		refused bool
	}{
		{"~", true}, {"ro:~", true}, {"cow:~", true}, {"/x=~", true}, {"..", true}, {"/", true},
		{"/x=link", true}, {"course/..", true}, {"~/course", false}, {"/usr", false},
	}
	for _, c := range cases {
		mounts, err := ParseMounts(c.entries, home, home)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := newTree(&Policy{Home: home, Mounts: mounts, User: new(User)})
		tree.close()
		if (err != nil) != c.refused {
			t.Errorf("%s: %v, want refused: %v", c.entries, err, c.refused)
		}
	}
}
