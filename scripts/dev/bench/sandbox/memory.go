package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// helpers runs a program that sleeps in each peer, and returns for each the
// proportional set size, in MiB, of all the peer's processes but that program,
// three seconds later. It needs root, which may look into an init.
func (b *bench) helpers(peers ...*peer) (sizes []float64, err error) {
	var running []*exec.Cmd
	defer func() { b.end(running) }()
	for _, p := range peers {
		c, done := b.command(p, "/bin/sleep", "20")
		defer done()
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		if err := c.Start(); err != nil {
			return nil, err
		}
		running = append(running, c)
	}

	time.Sleep(3 * time.Second)
	for _, c := range running {
		size, err := helpersOf(c.Process.Pid)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Path, err)
		}
		sizes = append(sizes, float64(size)/(1<<20))
	}

	return sizes, nil
}

// helpersOf sums up the memory of a process and all that it has started, except
// for the program that sleeps.
func helpersOf(pid int) (sum int64, err error) {
	slept := false
	for _, pid := range descendants(pid) {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil {
			return 0, err
		}
		if string(name) == "sleep\n" {
			slept = true
			continue
		}
		size, err := pss(pid)
		if err != nil {
			return 0, err
		}
		sum += size
	}

	if !slept {
		return 0, errors.New("the program doesn't run")
	}
	return sum, nil
}

// end ends commands and all that they have started: each peer's sandbox ends
// with the peer's own process.
func (b *bench) end(running []*exec.Cmd) {
	for _, c := range running {
		c.Process.Kill()
		c.Wait()
	}
	b.reap()
}

// descendants returns a process and all that it has started, and those in turn.
func descendants(pid int) []int {
	all := []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(text)) {
			child, _ := strconv.Atoi(field)
			all = append(all, descendants(child)...)
		}
	}
	return all
}

// pss returns a process's proportional set size in bytes.
func pss(pid int) (int64, error) {
	return kibibytes(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss")
}

// kibibytes reads one of the lines "Name:  number kB" of a file in /proc, in bytes.
func kibibytes(path, name string) (int64, error) {
	text, err := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return n << 10, err
		}
	}
	if err == nil {
		err = fmt.Errorf("%s: no %s", path, name)
	}
	return 0, err
}

// A trace is what sandboxes could leave behind.
type trace struct {
	processes, mounts, files, descriptors int
	own                                   int64 // memory of this process, which starts them
	kernel                                int64 // the operating system's memory that it can't reclaim
}

func (t trace) minus(u trace) trace {
	return trace{t.processes - u.processes, t.mounts - u.mounts, t.files - u.files, t.descriptors - u.descriptors,
		t.own - u.own, t.kernel - u.kernel}
}

// leave looks for traces: descendants of this process, its mounts, and files in
// directories.
func leave(directories ...string) (t trace, err error) {
	t.processes = len(descendants(os.Getpid())) - 1
	list, err := mounts()
	if err != nil {
		return t, err
	}

	t.mounts = len(list)
	for _, directory := range directories {
		filepath.WalkDir(directory, func(string, os.DirEntry, error) error { t.files++; return nil })
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return t, err
	}

	t.descriptors = len(open)
	if t.own, err = pss(os.Getpid()); err != nil {
		return t, err
	}
	for _, name := range []string{"SUnreclaim", "KernelStack", "PageTables", "Percpu"} {
		size, err := kibibytes("/proc/meminfo", name)
		if err != nil {
			return t, err
		}
		t.kernel += size
	}

	return t, nil
}

// cgroups returns where this process's own cgroups are, if they are anywhere.
func cgroups() []string {
	text, _ := os.ReadFile("/proc/self/cgroup")
	var all []string
	for line := range strings.Lines(string(text)) {
		if _, path, ok := strings.Cut(strings.TrimSpace(line), "::"); ok {
			all = append(all, filepath.Join("/sys/fs/cgroup", path))
		}
	}
	return all
}
