package isolate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A cgroup is the control group of one sandbox, cgroups(7): one directory in
// the unified hierarchy (version 2), or one in each of the old ones that is
// needed (version 1), or both. The nil cgroup is none.
type cgroup struct {
	unified string            // version 2's directory, or ""
	split   map[string]string // version 1's, by controller
	has     []string          // the controllers of the unified one
}

var groupCount atomic.Int64

// newCgroup makes a cgroup for what can be limited by one here, as far as the
// caller may. It is nil where nothing can. Systemd is asked only for a limit
// that is set: it would take the caller out of the group that it was started
// in, and of the limits that somebody may have put on that.
func newCgroup(b *bounds) *cgroup {
	var set, all []string // controllers
	for _, limit := range []string{"memory", "pids", "cpus"} {
		if b.get(limit) != "" {
			all = append(all, controllers[limit])
		}
		if b.isSet(limit) {
			set = append(set, controllers[limit])
		}
	}
	g := &cgroup{split: map[string]string{}}
	name := fmt.Sprint(groupPrefix, os.Getpid(), "-", groupCount.Add(1))
	g.makeUnified(name, all, b.CPUTime > 0)
	if len(g.missing(set)) > 0 && askForScope() {
		g.remove()
		g.makeUnified(name, all, b.CPUTime > 0)
	}
	old := g.missing(all)
	if b.CPUTime > 0 && g.unified == "" {
		old = append(old, "cpuacct")
	}
	for _, controller := range old {
		g.makeSplit(controller, name)
	}
	g.set(b)
	if g.unified == "" && len(g.split) == 0 {
		return nil
	}
	return g
}

// controllers are those that enforce a limit by its name.
var controllers = map[string]string{"memory": "memory", "pids": "pids", "cpus": "cpu"}

// missing are the controllers of need that the unified hierarchy doesn't give.
func (g *cgroup) missing(need []string) []string {
	var missing []string
	for _, controller := range need {
		if !slices.Contains(g.has, controller) {
			missing = append(missing, controller)
		}
	}
	return missing
}

// set writes the limits. A controller that doesn't take its limit is given up.
// To swap out is forbidden by a limit of memory that is set, not by the default.
func (g *cgroup) set(b *bounds) {
	const period = 100000 // microseconds; the kernel's default
	quota := strconv.FormatInt(int64(b.CPUs*period), 10)
	pids := strconv.Itoa(b.Pids + 1) // init is one
	memory := strconv.FormatInt(b.Memory, 10)
	for _, controller := range slices.Clone(g.has) {
		var err error
		switch controller {
		case "memory":
			err = write(g.unified+"/memory.max", memory)
			if b.isSet("memory") {
				write(g.unified+"/memory.swap.max", "0") // absent without swap
			}
			write(g.unified+"/memory.oom.group", "1")
		case "pids":
			err = write(g.unified+"/pids.max", pids)
		case "cpu":
			err = write(g.unified+"/cpu.max", fmt.Sprint(quota, " ", period))
		}
		if err != nil {
			g.has = slices.DeleteFunc(g.has, func(s string) bool { return s == controller })
		}
	}
	for controller, dir := range g.split {
		var err error
		switch controller {
		case "memory":
			err = write(dir+"/memory.limit_in_bytes", memory)
			if b.isSet("memory") {
				write(dir+"/memory.memsw.limit_in_bytes", memory) // absent without swap accounting
			}
		case "pids":
			err = write(dir+"/pids.max", pids)
		case "cpu":
			write(dir+"/cpu.cfs_period_us", strconv.Itoa(period))
			err = write(dir+"/cpu.cfs_quota_us", quota)
		}
		if err != nil {
			os.Remove(dir)
			delete(g.split, controller)
		}
	}
}

// by says what enforces the limit of the name here, or "".
func (g *cgroup) by(name string) string {
	if g == nil {
		return ""
	}
	controller := controllers[name]
	switch {
	case controller != "" && slices.Contains(g.has, controller), name == "cpu-time" && g.unified != "":
		return "cgroup v2"
	case controller != "" && g.split[controller] != "", name == "cpu-time" && g.split["cpuacct"] != "":
		return "cgroup v1"
	}
	return ""
}

// open opens the files through which init joins. Who opened them counts for
// the right to, not who writes (Linux 5.16).
func (g *cgroup) open() (files []*os.File, err error) {
	if g == nil {
		return nil, nil
	}
	for _, dir := range g.dirs() {
		f, err := os.OpenFile(dir+"/cgroup.procs", os.O_WRONLY, 0)
		if err != nil {
			return files, &SetupError{Doing: "open the control group", Path: dir, Err: underlying(err)}
		}
		files = append(files, f)
	}
	return files, nil
}

// join appends the calls by which init enters the control groups, and by which
// they look like the root of all to it.
func (p *program) join(files []*os.File) {
	if len(files) == 0 {
		return
	}
	for _, f := range files {
		p.do(note{"enter the control group", filepath.Dir(f.Name())}, unix.SYS_WRITE, num(descriptor(f)), p.str("0"), num(1))
	}
	p.do(note{"hide the control group", ""}, unix.SYS_UNSHARE, num(unix.CLONE_NEWCGROUP))
}

func (g *cgroup) dirs() []string {
	var dirs []string
	if g.unified != "" {
		dirs = append(dirs, g.unified)
	}
	for _, dir := range g.split {
		dirs = append(dirs, dir)
	}
	return dirs
}

// cpuTime is what all processes in the group have computed so far.
func (g *cgroup) cpuTime() time.Duration {
	if g.unified != "" {
		return time.Duration(fieldIn(g.unified+"/cpu.stat", "usage_usec")) * time.Microsecond
	}
	return time.Duration(numberIn(g.split["cpuacct"] + "/cpuacct.usage"))
}

// peakMemory is the most memory that the group had at a time, or 0 where that
// isn't known.
func (g *cgroup) peakMemory() int64 {
	switch g.by("memory") {
	case "cgroup v2":
		return numberIn(g.unified + "/memory.peak")
	case "cgroup v1":
		return numberIn(g.split["memory"] + "/memory.max_usage_in_bytes")
	}
	return 0
}

// oomKills is how many processes the kernel has killed for want of memory.
func (g *cgroup) oomKills() int64 {
	return g.count("memory", "memory.events", "memory.oom_control", "oom_kill")
}

// forksRefused is how many processes were not made for the limit of them.
func (g *cgroup) forksRefused() int64 {
	return g.count("pids", "pids.events", "pids.events", "max")
}

// count is how often an event of a controller came, as its file of either
// version says.
func (g *cgroup) count(controller, unified, split, event string) int64 {
	switch g.by(controller) {
	case "cgroup v2":
		return fieldIn(filepath.Join(g.unified, unified), event)
	case "cgroup v1":
		return fieldIn(filepath.Join(g.split[controller], split), event)
	}
	return 0
}

// onOOM calls end when the kernel kills in the group for want of memory. Of
// version 2 it kills the whole group by itself.
func (g *cgroup) onOOM(end func()) {
	if g.by("memory") != "cgroup v1" {
		return
	}
	dir := g.split["memory"]
	control, err := os.Open(dir + "/memory.oom_control")
	if err != nil {
		return
	}
	defer control.Close()
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return
	}
	write(dir+"/cgroup.event_control", fmt.Sprint(event, " ", control.Fd()))
	f := os.NewFile(uintptr(event), "memory event")
	go func() {
		defer f.Close()
		var count [8]byte
		f.Read(count[:])
		// The event comes before the kill, and with the end of the group too.
		for range 200 {
			if fieldIn(dir+"/memory.oom_control", "oom_kill") > 0 {
				end()
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
}

// remove removes the group, which has no process any more.
func (g *cgroup) remove() {
	if g == nil {
		return
	}
	for _, dir := range g.dirs() {
		// A process that was just reaped may be counted for a moment more.
		for range 50 {
			if err := os.Remove(dir); err == nil || os.IsNotExist(err) {
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	if g.unified != "" {
		tidy(filepath.Dir(g.unified))
	}
	*g = cgroup{split: map[string]string{}}
}

// write writes to a file of the kernel's.
func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// words are what a file of the kernel's holds, between white space.
func words(path string) []string {
	data, _ := os.ReadFile(path)
	return strings.Fields(string(data))
}

// numberIn is the number in a file of the kernel's, 0 where there is none.
func numberIn(path string) int64 {
	var buffer [32]byte
	n, _ := strconv.ParseInt(string(peek(path, buffer[:])), 10, 64)
	return n
}

// fieldIn is the number after a name in a file of such lines.
func fieldIn(path, name string) int64 {
	all := words(path)
	if i := slices.Index(all, name); i >= 0 && i+1 < len(all) {
		n, _ := strconv.ParseInt(all[i+1], 10, 64)
		return n
	}
	return 0
}
