package main

import (
	"strings"
	"testing"
)

// Whatever one of the two shows and the other doesn't is found.
func TestEqual(t *testing.T) {
	b := &bench{host: &view{Mounts: []mount{{Device: "8:1"}}, Namespaces: map[string]string{"net": "net:[1]", "pid": "pid:[1]"}}}
	sandbox := func() *view {
		return &view{
			Mounts: []mount{
				{Target: "/", FS: "tmpfs", Device: "0:9", ReadOnly: true},
				{Target: "/usr", Root: "/usr", FS: "ext4", Device: "8:1", ReadOnly: true},
			},
			Namespaces: map[string]string{"net": "net:[2]", "pid": "pid:[2]"},
			Links:      map[string]string{"/bin": "usr/bin"},
			Files:      map[string]string{"/etc/hosts": "127.0.0.1 localhost\n"},
			Env:        []string{"HOME=/root"},
			Status:     map[string]string{"CapEff": "0"},
			User:       "0 0 isolated",
		}
	}
	if err := b.equal(sandbox(), sandbox()); err != nil {
		t.Error(err)
	}

	for name, change := range map[string]func(*view){
		"mount /usr":    func(v *view) { v.Mounts[1].ReadOnly = false },
		"mount /":       func(v *view) { v.Mounts[0].Device = "8:1" },
		"mount /srv":    func(v *view) { v.Mounts = append(v.Mounts, mount{Target: "/srv"}) },
		"namespace net": func(v *view) { v.Namespaces["net"] = "net:[1]" },
		"link /bin":     func(v *view) { delete(v.Links, "/bin") },
		"file /etc":     func(v *view) { v.Files["/etc/hosts"] = "" },
		"variable HOME": func(v *view) { v.Env = nil },
		"CapEff":        func(v *view) { v.Status["CapEff"] = "ff" },
		"user":          func(v *view) { v.User = "1 1 isolated" },
	} {
		other := sandbox()
		change(other)
		if err := b.equal(sandbox(), other); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A sandbox that answers for its mount table has no root of its own by that.
func TestLacksRoot(t *testing.T) {
	ours := &view{Mounts: []mount{{Target: "/", Device: "0:9"}}, Namespaces: map[string]string{"mnt": "mnt:[2]"}}
	b := &bench{host: &view{Mounts: []mount{{Target: "/", Device: "8:1"}}, Namespaces: map[string]string{"mnt": "mnt:[1]"}}, ours: &peer{seen: ours}}
	const root = "a root of its own"
	for name, c := range map[string]struct {
		namespace, device string
		lacks             bool
	}{
		"its own": {"mnt:[2]", "0:9", false}, "the host's": {"mnt:[2]", "8:1", true}, "said to be its own": {"mnt:[1]", "0:1", true},
	} {
		v := &view{Mounts: []mount{{Target: "/", Device: c.device}}, Namespaces: map[string]string{"mnt": c.namespace}}
		if lacks := strings.Contains(b.lacks(v), root); lacks != c.lacks {
			t.Errorf("%s: %v", name, lacks)
		}
	}
}
