package isolate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseHostMounts(t *testing.T) {
	got, err := parseHostMounts(`36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
37 36 0:5 / /a\040b\011\012\134c\043 rw - tmpfs  rw
38 36 0:4 net:[4026531840] /run/netns/x rw shared:7 master:2 propagate_from:1 - nsfs nsfs rw
39 36 0:50 / /home rw - nfs4 [::1]:/export/home rw,vers=4.2
40 36 0:51 /sub /data rw - fuse.sshfs user@host: rw
`)
	if err != nil {
		t.Fatal(err)
	}

	want := []hostMount{
		{36, 35, 98 << 32, "/mnt1", "/mnt2", "ext3"},
		{37, 36, 5, "/", "/a b\t\n\\c#", "tmpfs"},
		{38, 36, 4, "net:[4026531840]", "/run/netns/x", "nsfs"},
		{39, 36, 50, "/export/home", "/home", "nfs4"},
		{40, 36, 51, "/sub", "/data", "fuse.sshfs"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(hostMount{})); diff != "" {
		t.Error(diff)
	}
	for _, line := range []string{"", "x", "1 2 3:4 / / rw", "1 2 3:4 / / rw -", "1 2 3:4 / / rw - ", "1 2 3 / / rw - ext4 a rw", "1 2 3:4 / a rw - ext4 a rw", "1 x 3:4 / / rw - ext4 a rw"} {
		if all, err := parseHostMounts(line + "\n"); err == nil {
			t.Errorf("%q is read as %v", line, all)
		}
	}
}

func FuzzHostMounts(f *testing.F) {
	f.Add("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n", "/mnt2/x")
	f.Add("1 1 0:2 / / rw - rootfs a rw\n2 1 8:1 / / rw - ext4 /dev/sda1 rw\n3 2 8:1 /home /srv/\\040 rw - ext4 /dev/sda1 rw\n", "/home")
	f.Add("1 2 0:2 / /a rw - nfs a:/ rw\n2 1 0:2 / /a rw - nfs a:/b rw\n", "/a")
	f.Fuzz(func(t *testing.T, text, path string) {
		all, err := parseHostMounts(text)
		if err != nil {
			return
		}
		if len(all) > strings.Count(text, "\n")+1 {
			t.Errorf("%d mounts of %d lines", len(all), strings.Count(text, "\n"))
		}
		h := hostMounts{all: all}
		for i := range all {
			h.visible(&all[i])
			h.names(&hostFile{path: path, mount: all[i].id})
		}
	})
}

// What lies under another mount can't be reached, and what lies on one can.
func TestVisible(t *testing.T) {
	table := func(lines string) *hostMounts {
		all, err := parseHostMounts(lines)
		if err != nil {
			t.Fatal(err)
		}
		return &hostMounts{all: all}
	}
	h := table(`1 1 0:2 / / rw - rootfs none rw
20 1 8:1 / / rw - ext4 /dev/sda1 rw
21 20 0:3 / /proc rw - proc proc rw
22 20 0:4 / /data rw - autofs systemd rw
23 22 0:5 / /data rw - nfs4 server:/data rw
24 23 0:6 / /data/proc rw - proc proc rw
25 22 0:7 / /data/below rw - proc proc rw
26 20 0:8 / /srv/a/b rw - proc proc rw
27 20 0:9 / /srv/a rw - tmpfs none rw
28 27 0:10 / /srv/a/b rw - ext4 /dev/sdb1 rw
29 20 0:11 / /srv/ab rw - proc proc rw
`)
	for _, c := range []struct {
		id   int
		want bool
	}{{1, false}, {20, true}, {21, true}, {22, false}, {23, true}, {24, true}, {25, false}, {26, false}, {27, true}, {28, true}, {29, true}} {
		if got := h.visible(h.byID(c.id)); got != c.want {
			t.Errorf("%d, %s: visible is %v", c.id, h.byID(c.id).point, got)
		}
	}
}

// A mount of a whole file system of which another mount shows a part leads to
// that part, as on Btrfs, where every mount is of a subvolume.
func TestNames(t *testing.T) {
	dir := files(t, "home/u/", "all/@home/u/", "other/u/")
	real, err := look(dir + "/home/u")
	if err != nil {
		t.Fatal(err)
	}

	all, err := parseHostMounts(strings.ReplaceAll(`20 1 0:30 /@ / rw - btrfs /dev/sda1 rw
21 20 0:30 /@home D/home rw - btrfs /dev/sda1 rw
22 20 0:30 / D/all rw - btrfs /dev/sda1 rw
23 20 0:30 /@home D/other rw - btrfs /dev/sda1 rw
24 20 0:31 /@home D/none rw - btrfs /dev/sdb1 rw
`, "D", dir))
	if err != nil {
		t.Fatal(err)
	}
	real.mount = 21
	h := hostMounts{all: all}
	if names := h.names(real); len(names) != 1 || names[0].path != dir+"/home/u" {
		t.Errorf("%v: another directory has the same path in the table, and isn't it", names)
	}

	for _, place := range []string{"/all/@home/u", "/other/u"} {
		other, err := look(dir + place)
		if err != nil {
			t.Fatal(err)
		}
		real.fileID = other.fileID
		if names := h.names(real); len(names) != 2 || names[1].path != dir+place {
			t.Errorf("%v: want %s among them", names, place)
		}
	}
}
