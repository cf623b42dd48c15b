package isolate

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/cgroup"
	"isolate-namespace/isolate/internal/kernelfile"
)

// bounds are the limits of one sandbox with the defaults filled in; zero means no
// limit.
type bounds struct {
	Limits
	defaults []string // the names of those that nobody asked for
}

// bounds fills in the defaults.
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

// inotifyNumbers are the files in /proc/sys that say what a user namespace may have,
// and what a user may (namespaces(7), inotify(7)).
var inotifyNumbers = map[string]struct{ namespace, user string }{
	"inotify": {"user/max_inotify_instances", "fs/inotify/max_user_instances"},
	"watches": {"user/max_inotify_watches", "fs/inotify/max_user_watches"},
}

// inotifyHere returns how many our user may have, or 0 if the kernel doesn't say. In
// the first user namespace both numbers are the same; in others the first is the
// largest possible one until somebody sets it.
func inotifyHere(name string) int64 {
	n := kernelfile.Number("/proc/sys/" + inotifyNumbers[name].namespace)
	if n == math.MaxInt32 {
		n = kernelfile.Number("/proc/sys/" + inotifyNumbers[name].user)
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

// isSet reports whether the limit is there and was asked for.
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

// tmpfs returns the settings of the file system behind the private directories.
func (b *bounds) tmpfs() []string {
	if b.TmpSize == 0 {
		// Without any limit the file system would show no free space either.
		return []string{"size", "100%"}
	}
	return []string{"size", strconv.FormatInt(b.TmpSize, 10), "nr_inodes", strconv.Itoa(b.tmpfsNames())}
}

// tmpfsNames returns how many files there can be in private directories. Their names
// take memory that the size doesn't count.
func (b *bounds) tmpfsNames() int {
	const bytesPerName, fewest = 1024, 1024
	return int(fewest + b.TmpSize/bytesPerName)
}

func wholeMebibytes(n int64) int64 { return n &^ (1<<20 - 1) }

// memoryHere returns how many bytes of memory there can be for a sandbox: the least
// of the machine's memory and of what the control groups that we are in may use.
func memoryHere() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	least := int64(info.Totalram) * int64(info.Unit)
	if above := cgroup.MemoryAbove(); above > 0 {
		least = min(least, above)
	}
	return least
}
