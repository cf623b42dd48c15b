package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/descriptor"
	"isolate-namespace/isolate/internal/kernelfile"
)

// Where a sandbox's control groups are made: in the caller's own, of each
// hierarchy.

const (
	groupPrefix = "isolate-"
	leafName    = "isolate-caller"
)

// makeUnified makes the directory in the unified hierarchy, in the caller's own
// group, with those controllers that are available there. Measuring CPU time takes
// none.
func (g *Group) makeUnified(need []string, measure bool) {
	own := ownGroup("", "cgroup2")
	if own == "" {
		return
	}
	if filepath.Base(own) == leafName {
		own = filepath.Dir(own)
	}
	defer lock(own)()

	available := kernelfile.Words(own + "/cgroup.controllers")
	for _, controller := range need {
		if slices.Contains(available, controller) && enable(own, controller) {
			g.has = append(g.has, controller)
		}
	}

	sweep(own)
	if len(g.has) == 0 && !measure {
		return
	}
	dir := g.makeIn(own)
	if dir == "" {
		g.has = nil
		return
	}

	// If own is a group of threads, processes can't join a group in it.
	if kind := kernelfile.Words(dir + "/cgroup.type"); !slices.Equal(kind, []string{"domain"}) {
		os.Remove(dir)
		g.has = nil
		return
	}

	g.unified = dir
}

// enable gives a controller to the groups in own, which must not have processes
// itself: the kernel refuses that for some controllers, and for others makes
// own a group of threads, in which no group can have processes.
func enable(own, controller string) bool {
	control := own + "/cgroup.subtree_control"
	if slices.Contains(kernelfile.Words(control), controller) {
		return true
	}
	return moveOut(own) && kernelfile.Write(control, "+"+controller) == nil
}

// moveOut leaves own without processes. If the caller is the only one, it moves
// to a leaf; the root of all groups may have them.
func moveOut(own string) bool {
	if _, err := os.Stat(own + "/cgroup.type"); err != nil {
		return true
	}
	self := strconv.Itoa(os.Getpid())
	processes := kernelfile.Words(own + "/cgroup.procs")
	if len(processes) == 0 {
		return true
	}
	if !slices.Equal(processes, []string{self}) {
		return false
	}
	leaf := filepath.Join(own, leafName)
	if os.Mkdir(leaf, 0o755) != nil || kernelfile.Write(leaf+"/cgroup.procs", self) != nil {
		os.Remove(leaf)
		return false
	}
	return true
}

// tidy undoes what moveOut did if no sandbox is left in own. Taking the controllers
// back earlier would lift the limits of the others.
func tidy(own string) {
	defer lock(own)()
	leaf, self := filepath.Join(own, leafName), strconv.Itoa(os.Getpid())
	processes := kernelfile.Words(leaf + "/cgroup.procs")
	isMine := len(processes) == 0 || slices.Equal(processes, []string{self})
	if _, err := os.Stat(leaf); err != nil || !isMine || len(groupsIn(own)) > 0 {
		return
	}
	for _, controller := range kernelfile.Words(own + "/cgroup.subtree_control") {
		kernelfile.Write(own+"/cgroup.subtree_control", "-"+controller)
	}
	if len(processes) > 0 {
		kernelfile.Write(own+"/cgroup.procs", self)
	}
	os.Remove(leaf)
}

// lock keeps other callers, in this process and others, from changing what is
// in the group own until the function that it returns is called. Who can read
// the directory can keep it locked, so nobody waits for long.
func lock(own string) (unlock func()) {
	dir, err := os.Open(own)
	if err != nil {
		return func() {}
	}
	for range 500 {
		if unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB) != unix.EWOULDBLOCK {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	return func() { dir.Close() }
}

// makeSplit makes a directory in the hierarchy of one controller.
func (g *Group) makeSplit(controller string) {
	own := ownGroup(controller, "cgroup")
	if own == "" {
		return
	}
	defer lock(own)()
	sweep(own)
	if dir := g.makeIn(own); dir != "" {
		g.split[controller] = dir
	}
}

// makeIn makes a directory in own, which is locked, and keeps it locked: that tells
// later callers that this one lives. Its process ID wouldn't tell it to one in another
// PID namespace, where another process can have that ID, too.
func (g *Group) makeIn(own string) string {
	for {
		dir := filepath.Join(own, fmt.Sprint(groupPrefix, os.Getpid(), "-", groupCount.Add(1)))
		err := os.Mkdir(dir, 0o755)
		if os.IsExist(err) {
			continue
		}
		if err != nil {
			return ""
		}
		if f, err := os.Open(dir); err == nil {
			unix.Flock(descriptor.Of(f), unix.LOCK_EX|unix.LOCK_NB)
			g.held = append(g.held, f)
		}
		return dir
	}
}

// sweep removes what killed callers have left behind in own, which is locked.
func sweep(own string) {
	for _, dir := range groupsIn(own) {
		fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
			os.Remove(dir) // fails if it has processes
		}
		unix.Close(fd)
	}
}

// groupsIn returns the directories of sandboxes in own.
func groupsIn(own string) []string {
	dirs, _ := filepath.Glob(own + "/" + groupPrefix + "[0-9]*-[0-9]*")
	return dirs
}

// ownGroup returns the caller's directory in the hierarchy of the controller, ""
// for the unified one, which is mounted with the given type; "" where it has
// none or doesn't see it.
func ownGroup(controller, kind string) string {
	groups, _ := os.ReadFile("/proc/self/cgroup")
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 || !slices.Contains(strings.Split(fields[1], ","), controller) || strings.HasPrefix(fields[2], "/..") {
			continue
		}
		for mount := range strings.Lines(string(mounts)) {
			m := strings.Fields(mount)
			if m[2] != kind || controller != "" && !slices.Contains(strings.Split(m[3], ","), controller) {
				continue
			}
			// In a container the mount may begin at the caller's own group.
			for _, dir := range []string{filepath.Join(m[1], fields[2]), m[1]} {
				if unix.Access(dir+"/cgroup.procs", unix.W_OK) == nil {
					return dir
				}
			}
		}
	}

	return ""
}
