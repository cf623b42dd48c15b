package isolate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/internal/pathname"

	"golang.org/x/sys/unix"
)

// A hiddenDir is a directory that no mount shows, under any name.
type hiddenDir struct {
	*hostFile
	names  []hostName
	why    string // why a source that shows it is refused
	is     string // what Describe says about the mask over it
	above  bool   // a source may not be above it either; else it is covered there
	listed bool   // it is in the passwd file, which may say /bin for a system account
	always bool   // it is hidden whatever the environment says
}

// hiddenDirs returns the home directories, which hold secrets, the directories in
// which the user's other programs take commands on sockets, and the root. account is
// the caller's line of the passwd file.
func hiddenDirs(home string, account []string) []*hiddenDir {
	const why, is = "that would show the whole home directory", "the home directory"
	dirs := make([]*hiddenDir, 0, 12)
	hide := func(d hiddenDir, look func(string) (*hostFile, error), path string) {
		var err error
		if d.hostFile, err = look(path); err != nil {
			return
		}
		if i := slices.IndexFunc(dirs, func(other *hiddenDir) bool { return other.path == d.path }); i >= 0 {
			dirs[i].always = dirs[i].always || d.always
			return
		}
		dirs = append(dirs, &d)
	}
	hide(hiddenDir{why: "that is the whole machine", is: "the whole machine", above: true, always: true}, lookNear, "/")
	hide(hiddenDir{why: why, is: is, above: true, always: account == nil}, look, home)
	if account != nil && filepath.IsAbs(account[5]) {
		hide(hiddenDir{why: why, is: is, above: true, listed: true, always: true}, look, account[5])
	}

	for _, dir := range []string{"/tmp", "/var", "/var/tmp", "/dev", "/dev/shm", "/run"} {
		hide(hiddenDir{why: whySockets, is: "the machine's " + dir, always: true}, lookNear, dir)
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		hide(hiddenDir{why: whySockets, is: "the machine's " + dir}, look, dir)
	}
	return dirs
}

const whySockets = "other programs have sockets there, which lead out"

// lookAtMounts reads the table of mounts, and finds all names of the hidden
// directories.
func (t *tree) lookAtMounts(p *Policy) error {
	if err := t.mounts.read(); err != nil {
		return err
	}
	t.hidden = hiddenDirs(p.Home, t.account)
	for _, d := range t.hidden {
		d.names = t.mounts.names(d.hostFile)
	}
	for i := range t.mounts.all {
		m := &t.mounts.all[i]
		// A removed directory, such as /proc/N of a process that has ended, is
		// empty and can't be covered.
		gone := strings.HasSuffix(m.root, "//deleted")
		if kind, _ := noFiles(m.kind, false); kind != "" && !gone {
			t.special = append(t.special, m)
		}
	}
	return nil
}

// refuse says why the policy may not mount what n shows: it is a hidden
// directory, or one above the home directory, or holds no files. A base may be
// above one.
func (t *tree) refuse(n *node, inBase bool) error {
	if n.host == nil {
		return nil
	}
	own := t.mounts.byID(n.host.mount)
	if own == nil {
		if t.mounts.changed() {
			return mountsChanged()
		}
		return &SetupError{Doing: "mount", Path: n.source, Err: errors.New("it isn't in a file system that is mounted")}
	}
	if kind, why := noFiles(own.kind, n.access == AccessReadOnly); kind != "" {
		return &SetupError{Doing: "mount", Path: n.source, Err: errors.New(why), Kind: kind}
	}
	for _, d := range t.hidden {
		if d.fileID == n.host.fileID || !inBase && d.above && d.isIn(n.host) {
			return &SetupError{Doing: "mount", Path: n.source, Err: errors.New(d.why), Kind: KindHidden}
		}
	}
	return nil
}

// isIn reports whether d lies in the directory f, but for what is mounted below f by
// another name of d's.
func (d *hiddenDir) isIn(f *hostFile) bool {
	return slices.ContainsFunc(d.names, func(name hostName) bool {
		return pathname.Within(name.path, f.path) && (name.path == d.path || name.mount == f.mount)
	})
}

// maskBelow covers, in n's source and in the mounts below it, what may not be a source
// itself.
func (t *tree) maskBelow(n *node) error {
	if n.kind != bindNode && n.kind != cowNode || !n.dir {
		return nil
	}
	var masks []*node
	cover := func(path, is string) {
		if rest, ok := pathname.Below(path, n.source); ok && rest != "" {
			masks = append(masks, &node{kind: maskNode, target: filepath.Join(n.target, rest), source: path, is: is})
		}
	}
	for _, d := range t.hidden {
		for _, name := range d.names {
			if !d.listed || int(d.uid) == os.Geteuid() || name.mount != n.host.mount {
				cover(name.path, d.is)
			}
		}
	}

	for _, m := range t.special {
		if pathname.Within(m.point, n.source) && t.mounts.visible(m) {
			cover(m.point, m.kind)
		}
	}

	slices.SortFunc(masks, func(a, b *node) int { return strings.Compare(a.target, b.target) })
	for _, mask := range masks {
		if t.at[mask.target] != nil || t.covering(mask.target) != n {
			continue // the policy puts something else there
		}
		if err := closedWay(n.source, mask.source); err != nil {
			return err
		}
		t.add(mask)
	}

	return nil
}

// unshown returns the places where people may miss something that isn't shown.
func (t *tree) unshown() (places []string) {
	for _, n := range t.nodes {
		if n.is == "autofs" {
			places = append(places, n.target)
		}
	}
	return places
}

// isRemote reports whether a file system of this kind is on another machine, or is
// served by a program.
func isRemote(kind string) bool {
	switch kind {
	case "nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs", "lustre", "beegfs", "gpfs", "orangefs", "fuse":
		return true
	}
	return strings.HasPrefix(kind, "fuse.")
}

// remoteBelow names what n shows of such file systems, as seen from its source.
func (t *tree) remoteBelow(n *node) (names []string) {
	if n.kind != bindNode {
		return nil
	}
	for i := range t.mounts.all {
		m := &t.mounts.all[i]
		rest, ok := pathname.Below(m.point, n.source)
		target := filepath.Join(n.target, rest)
		if ok && rest != "" && isRemote(m.kind) && t.mounts.visible(m) && t.at[target] == nil && t.covering(target) == n {
			names = append(names, fmt.Sprintf("%s (%s)", rest[1:], m.kind))
		}
	}
	return names
}

// closedWay returns an error if a directory of the caller, on the way from one path to
// another, is closed to the caller: what lies behind it can't be covered, and the
// program could open the directory.
func closedWay(from, to string) error {
	for dir := filepath.Dir(to); pathname.Within(dir, from); dir = filepath.Dir(dir) {
		var st unix.Stat_t
		if unix.Lstat(dir, &st) == nil && int(st.Uid) == os.Geteuid() && st.Mode&0o100 == 0 {
			return &SetupError{Doing: "cover", Path: to, Err: errors.New(dir + " is closed, and the program could open it"),
				Kind: KindClosed, About: dir}
		}
	}
	return nil
}

// noFiles says what is wrong with showing a file system of a kind, which may hold not
// files but ways into the kernel or to other programs. Nothing is wrong if failure is
// "".
func noFiles(kind string, readOnly bool) (failure Kind, why string) {
	switch kind {
	case "proc":
		return KindProc, "that would show every process of the machine"
	case "autofs":
		return KindAutomounter, "an automounter mounts there whatever is looked for"
	case "sysfs", "cgroup", "cgroup2", "devtmpfs":
		if readOnly {
			return "", ""
		}
		return KindMachine, "the machine itself can be changed there (" + kind + ")"
	case "devpts", "mqueue", "hugetlbfs", "nsfs",
		"debugfs", "tracefs", "securityfs", "configfs", "selinuxfs", "smackfs", "bpf", "pstore", "efivarfs",
		"binfmt_misc", "fusectl", "rpc_pipefs", "nfsd", "resctrl", "binder", "functionfs", "gadgetfs", "ocfs2_dlmfs", "xenfs":
		return KindNoFiles, "that is a part of the machine and no files (" + kind + ")"
	}
	return "", ""
}
