package isolate

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// bounds are the limits of one sandbox, decided: zero is none.
type bounds struct {
	Limits
	defaults []string // the names of those that nobody asked for
}

// bounds puts the defaults in.
func (l Limits) bounds() bounds {
	b := bounds{Limits: l}
	const pids = 4096 // docs/security.md has what programs use
	memory := memoryHere()
	tmp := memory / 4
	if l.Memory > 0 {
		tmp = min(tmp, l.Memory)
	}
	b.byDefault("memory", wholeMebibytes(memory/10*9))
	b.byDefault("pids", pids)
	b.byDefault("tmp-size", wholeMebibytes(tmp))
	for _, name := range []string{"inotify", "watches"} {
		b.byDefault(name, inotifyHere(name)/2)
	}
	for _, name := range limitNames {
		if b.get(name) == "" {
			b.set(name, 0)
		}
	}
	return b
}

// inotifyNumbers are, below /proc/sys, what a user namespace may have, and what
// a user may (namespaces(7), inotify(7)).
var inotifyNumbers = map[string]struct{ namespace, user string }{
	"inotify": {"user/max_inotify_instances", "fs/inotify/max_user_instances"},
	"watches": {"user/max_inotify_watches", "fs/inotify/max_user_watches"},
}

// inotifyHere is how many our user may have, 0 where the kernel doesn't say. In
// the first user namespace both numbers are the same; in another one the former
// is the largest there can be until somebody sets it.
func inotifyHere(name string) int64 {
	n := numberIn("/proc/sys/" + inotifyNumbers[name].namespace)
	if n == math.MaxInt32 {
		n = numberIn("/proc/sys/" + inotifyNumbers[name].user)
	}
	return n
}

// byDefault sets a limit that is neither set nor lifted.
func (b *bounds) byDefault(name string, n int64) {
	unset := false
	switch field := b.field(name).(type) {
	case *int64:
		unset = *field == 0
	case *int:
		unset = *field == 0
	}
	if unset && n > 0 {
		b.set(name, n)
		b.defaults = append(b.defaults, name)
	}
}

func (b *bounds) isDefault(name string) bool { return slices.Contains(b.defaults, name) }

// isSet says that the limit is there and was asked for.
func (b *bounds) isSet(name string) bool { return b.get(name) != "" && !b.isDefault(name) }

// describe names a limit for a person, as in "memory limit of 64M".
func (b *bounds) describe(name string) string {
	words := map[string]string{"cpu-time": "CPU time", "file-size": "file size", "pids": "process", "cpus": "CPU"}
	what, ok := words[name]
	if !ok {
		what = name
	}
	if b.isDefault(name) {
		return fmt.Sprintf("%s limit of %s, the default", what, b.get(name))
	}
	return fmt.Sprintf("%s limit of %s", what, b.get(name))
}

// tmpfs are the settings of the file system behind the private directories.
func (b *bounds) tmpfs() []string {
	if b.TmpSize == 0 {
		// With none at all there would be no free space to see, either.
		return []string{"size", "100%"}
	}
	// Names cost memory that the size doesn't count.
	const bytesPerName, fewest = 1024, 1024
	return []string{"size", strconv.FormatInt(b.TmpSize, 10), "nr_inodes", strconv.FormatInt(fewest+b.TmpSize/bytesPerName, 10)}
}

func wholeMebibytes(n int64) int64 { return n &^ (1<<20 - 1) }

// memoryHere is how many bytes of memory there can be for a sandbox: the least
// of the machine's and of what the control groups that we are in may use.
func memoryHere() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	least := int64(info.Totalram) * int64(info.Unit)
	var buffer [4096]byte
	for _, file := range memoryLimits(string(peek("/proc/self/cgroup", buffer[:]))) {
		if n := numberIn(file); n > 0 { // not "max"
			least = min(least, n)
		}
	}
	return least
}

// memoryLimits are the files that hold the memory limits of our control groups
// and of those above, by what /proc/self/cgroup says. They are where systemd
// and containers mount the hierarchies; to look in the mount table would cost
// each start half as much again.
func memoryLimits(groups string) []string {
	var root, file, own string
	for line := range strings.Lines(groups) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(line, ":")
		switch {
		case slices.Contains(strings.Split(controllers, ","), "memory"):
			root, file, own = "/sys/fs/cgroup/memory", "memory.limit_in_bytes", path
		case controllers == "" && root == "":
			root, file, own = "/sys/fs/cgroup", "memory.max", path
		}
	}
	if root == "" {
		return nil
	}
	if !strings.HasPrefix(own, "/") || strings.HasPrefix(own, "/..") {
		own = "/" // in another cgroup namespace's part
	}
	var files []string
	for ; own != "/"; own = filepath.Dir(own) {
		files = append(files, root+own+"/"+file)
	}
	return append(files, root+"/"+file)
}

// peek is the beginning of a short file of the kernel's, read into buffer,
// without its line end; empty where it can't be read.
func peek(path string, buffer []byte) []byte {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buffer)
	if err != nil {
		return nil
	}
	return bytes.TrimSuffix(buffer[:n], []byte{'\n'})
}
