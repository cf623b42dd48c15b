// Package cgroup makes the control group of one sandbox, cgroups(7).
package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
	"isolate-namespace/isolate/internal/descriptor"
	"isolate-namespace/isolate/internal/kernelfile"
)

// The controllers that a group can have. The one for CPU time only measures, which
// version 2 does without a controller.
const (
	Memory  = "memory"
	Pids    = "pids"
	CPU     = "cpu"
	CPUTime = "cpuacct"
)

// Want says what a group is to limit and measure. Zero means no limit.
type Want struct {
	Memory  int64   // bytes
	Pids    int     // processes and threads at a time
	CPUs    float64 // processors' worth of time
	CPUTime bool    // measure it

	// Ask lists the controllers for which we may ask systemd. That takes the caller
	// out of the group that it was started in, and so out of the limits that
	// somebody may have set there.
	Ask []string
	// NoSwap keeps memory from being swapped out.
	NoSwap bool
}

// A Group is a directory in the unified hierarchy (version 2), or one in each old
// hierarchy that is needed (version 1), or both. A nil Group limits nothing.
type Group struct {
	unified string            // version 2's directory, or ""
	split   map[string]string // version 1's, by controller
	has     []string          // the controllers of the unified one
	held    []*os.File        // the directories, locked
}

var groupCount atomic.Int64

// New makes a group for as much of what is wanted as the caller may limit. It
// returns nil if that is nothing.
func New(want Want) *Group {
	var all []string
	if want.Memory > 0 {
		all = append(all, Memory)
	}
	if want.Pids > 0 {
		all = append(all, Pids)
	}
	if want.CPUs > 0 {
		all = append(all, CPU)
	}
	g := &Group{split: map[string]string{}}
	g.makeUnified(all, want.CPUTime)
	if len(g.missing(want.Ask)) > 0 {
		g.ask(want.Ask, func() { g.makeUnified(all, want.CPUTime) })
	}

	old := g.missing(all)
	if want.CPUTime && g.unified == "" {
		old = append(old, CPUTime)
	}
	for _, controller := range old {
		g.makeSplit(controller)
	}

	g.set(want)
	if g.unified == "" && len(g.split) == 0 {
		return nil
	}
	return g
}

// asking is held while systemd moves this process, which is in one group at a
// time.
var asking sync.Mutex

// ask has systemd give us what is missing of need, and remakes the group. Where
// another sandbox of ours has asked meanwhile, that is enough.
func (g *Group) ask(need []string, remake func()) {
	asking.Lock()
	defer asking.Unlock()
	g.Remove()
	remake()
	if len(g.missing(need)) > 0 && askForScope() {
		g.Remove()
		remake()
	}
}

// missing returns the controllers of need that the unified hierarchy doesn't give.
func (g *Group) missing(need []string) []string {
	var missing []string
	for _, controller := range need {
		if !slices.Contains(g.has, controller) {
			missing = append(missing, controller)
		}
	}
	return missing
}

// set writes the limits. It drops a controller that doesn't take its limit.
func (g *Group) set(want Want) {
	const period = 100000 // microseconds; the kernel's default
	quota := strconv.FormatInt(int64(want.CPUs*period), 10)
	pids := strconv.Itoa(want.Pids)
	memory := strconv.FormatInt(want.Memory, 10)
	for _, controller := range slices.Clone(g.has) {
		var err error
		switch controller {
		case Memory:
			err = kernelfile.Write(g.unified+"/memory.max", memory)
			if want.NoSwap {
				kernelfile.Write(g.unified+"/memory.swap.max", "0") // absent without swap
			}
			kernelfile.Write(g.unified+"/memory.oom.group", "1")
		case Pids:
			err = kernelfile.Write(g.unified+"/pids.max", pids)
		case CPU:
			err = kernelfile.Write(g.unified+"/cpu.max", fmt.Sprint(quota, " ", period))
		}
		if err != nil {
			g.has = slices.DeleteFunc(g.has, func(s string) bool { return s == controller })
		}
	}

	for controller, dir := range g.split {
		var err error
		switch controller {
		case Memory:
			err = kernelfile.Write(dir+"/memory.limit_in_bytes", memory)
			if want.NoSwap {
				kernelfile.Write(dir+"/memory.memsw.limit_in_bytes", memory) // absent without swap accounting
			}
		case Pids:
			err = kernelfile.Write(dir+"/pids.max", pids)
		case CPU:
			kernelfile.Write(dir+"/cpu.cfs_period_us", strconv.Itoa(period))
			err = kernelfile.Write(dir+"/cpu.cfs_quota_us", quota)
		}
		if err != nil {
			os.Remove(dir)
			delete(g.split, controller)
		}
	}
}

// Version returns the version of the hierarchy in which a controller, one of the
// constants, does what was wanted of it, or 0 if none does.
func (g *Group) Version(controller string) int {
	switch {
	case g == nil:
		return 0
	case slices.Contains(g.has, controller), controller == CPUTime && g.unified != "":
		return 2
	case g.split[controller] != "":
		return 1
	}
	return 0
}

// Open opens the files through which a process joins the group, by writing 0. The
// kernel checks the rights of the process that opened them (Linux 5.16).
func (g *Group) Open() (files []*os.File, err error) {
	if g == nil {
		return nil, nil
	}
	for _, dir := range g.Dirs() {
		f, err := os.OpenFile(dir+"/cgroup.procs", os.O_WRONLY, 0)
		if err != nil {
			return files, err
		}
		files = append(files, f)
	}
	return files, nil
}

// Join appends the calls by which init enters the groups of the files, which Open
// has returned, and by which they look like the root of all to it.
func Join(l *calls.List, files []*os.File) {
	if len(files) == 0 {
		return
	}
	for _, f := range files {
		l.Do(calls.EnterGroup.Of(filepath.Dir(f.Name())), unix.SYS_WRITE, calls.Num(descriptor.Of(f)), l.Str("0"), calls.Num(1))
	}
	l.Do(calls.HideGroup.Of(""), unix.SYS_UNSHARE, calls.Num(unix.CLONE_NEWCGROUP))
}

// Dirs returns the group's directories.
func (g *Group) Dirs() []string {
	if g == nil {
		return nil
	}
	var dirs []string
	if g.unified != "" {
		dirs = append(dirs, g.unified)
	}
	for _, dir := range g.split {
		dirs = append(dirs, dir)
	}
	return dirs
}

// CPUTime returns what all processes in the group have computed so far.
func (g *Group) CPUTime() time.Duration {
	if g.unified != "" {
		return time.Duration(kernelfile.Field(g.unified+"/cpu.stat", "usage_usec")) * time.Microsecond
	}
	return time.Duration(kernelfile.Number(g.split[CPUTime] + "/cpuacct.usage"))
}

// PeakMemory returns the most memory that the group had at a time, or 0 if that
// isn't known.
func (g *Group) PeakMemory() int64 {
	switch g.Version(Memory) {
	case 2:
		return kernelfile.Number(g.unified + "/memory.peak")
	case 1:
		return kernelfile.Number(g.split[Memory] + "/memory.max_usage_in_bytes")
	}
	return 0
}

// OOMKills returns how many processes the kernel has killed to free memory.
func (g *Group) OOMKills() int64 {
	return g.count(Memory, "memory.events", "memory.oom_control", "oom_kill")
}

// ForksRefused returns how often the limit of processes kept one from being made.
func (g *Group) ForksRefused() int64 {
	return g.count(Pids, "pids.events", "pids.events", "max")
}

// count returns how often an event of a controller came, as its file of either
// version says.
func (g *Group) count(controller, unified, split, event string) int64 {
	switch g.Version(controller) {
	case 2:
		return kernelfile.Field(filepath.Join(g.unified, unified), event)
	case 1:
		return kernelfile.Field(filepath.Join(g.split[controller], split), event)
	}
	return 0
}

// OnOOM calls end when the kernel kills a process of the group to free memory. In
// version 2 the kernel itself kills the whole group.
func (g *Group) OnOOM(end func()) {
	if g.Version(Memory) != 1 {
		return
	}
	dir := g.split[Memory]
	control, err := os.Open(dir + "/memory.oom_control")
	if err != nil {
		return
	}
	defer control.Close()
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return
	}

	kernelfile.Write(dir+"/cgroup.event_control", fmt.Sprint(event, " ", control.Fd()))
	f := os.NewFile(uintptr(event), "memory event")
	go func() {
		defer f.Close()
		var count [8]byte
		f.Read(count[:])
		// The event comes before the kill, and also when the group is removed.
		for range 200 {
			if kernelfile.Field(dir+"/memory.oom_control", "oom_kill") > 0 {
				end()
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
}

// Remove removes the group, which has no process any more.
func (g *Group) Remove() {
	if g == nil {
		return
	}
	for _, dir := range g.Dirs() {
		// A process that was just reaped may still be counted for a moment.
		for range 50 {
			if err := os.Remove(dir); err == nil || os.IsNotExist(err) {
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	for _, f := range g.held {
		f.Close()
	}
	if g.unified != "" {
		tidy(filepath.Dir(g.unified))
	}
	*g = Group{split: map[string]string{}}
}
