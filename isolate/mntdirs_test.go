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
		{"the working directory", ".", []Mount{both("/work dir", AccessWritable)}},
		{"relative", "data ../other", []Mount{both("/work dir/data", AccessWritable), both("/other", AccessWritable)}},
		{"read-only", "ro:/data", []Mount{both("/data", AccessReadOnly)}},
		{"copy-on-write", "cow:.", []Mount{both("/work dir", AccessCopyOnWrite)}},
		{"optional", "try:/data", []Mount{Writable("/data").At("/data").IfExists()}},
		{"prefixes together", "ro,try,rbind:/data", []Mount{ReadOnly("/data").At("/data").IfExists()}},
		{"another place", "/course=/srv/course", []Mount{Writable("/srv/course").At("/course")}},
		{"another place, relative", "x=ro", []Mount{Writable("/work dir/ro").At("/work dir/x")}},
		{"read-only elsewhere", "ro:/course=data", []Mount{ReadOnly("/work dir/data").At("/course")}},
		{"masked", "/etc/fonts=none", []Mount{Masked("/etc/fonts")}},
		{"home", "~ ~/x", []Mount{both("/home/ann", AccessWritable), both("/home/ann/x", AccessWritable)}},
		{"a tilde that is a name", "./~ /~", []Mount{both("/work dir/~", AccessWritable), both("/~", AccessWritable)}},
		{"a space", `/a\ b ro:/c\ d=/e\ f`, []Mount{both("/a b", AccessWritable), ReadOnly("/e f").At("/c d")}},
		{"an equals sign", `/a\=b`, []Mount{both("/a=b", AccessWritable)}},
		{"a second equals sign is the source's", `/a=/b=c`, []Mount{Writable("/b=c").At("/a")}},
		{"a backslash", `/a\\b`, []Mount{both(`/a\b`, AccessWritable)}},
		{"a newline in a path", "/a\\\nb", []Mount{both("/a\nb", AccessWritable)}},
		{"a colon in a path", "/a:b ./c:d", []Mount{both("/a:b", AccessWritable), both("/work dir/c:d", AccessWritable)}},
		{"no UTF-8", "/\xff", []Mount{both("/\xff", AccessWritable)}},
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
