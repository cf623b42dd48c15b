package cgroup

import (
	"path/filepath"
	"slices"
	"strings"

	"isolate-namespace/isolate/internal/kernelfile"
)

// MemoryAbove returns the least memory, in bytes, that a group of the caller or one
// above it may use, or 0 if none has a limit.
func MemoryAbove() int64 {
	var buffer [4096]byte
	least := int64(0)
	for _, file := range memoryLimits(string(kernelfile.Peek("/proc/self/cgroup", buffer[:]))) {
		if n := kernelfile.Number(file); n > 0 && (least == 0 || n < least) { // not "max"
			least = n
		}
	}
	return least
}

// memoryLimits returns the files that hold the memory limits of our groups and of
// those above, according to /proc/self/cgroup. It expects the hierarchies where
// systemd and containers mount them; looking in the mount table would make each
// start half as expensive again.
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
