package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A view is what a process sees of its surroundings. The probe prints its own,
// inside each sandbox.
type view struct {
	Mounts     []mount
	Namespaces map[string]string // what /proc/self/ns says
	Links      map[string]string // symbolic links on the root's file system
	Files      map[string]string // files on the root's file system, and what they hold
	Env        []string
	User       string // number, group, host name
	Status     map[string]string
	MakesLinks bool // in the working directory
}

// A mount is a line of mountinfo, proc_pid_mountinfo(5).
type mount struct {
	Target, Root, FS, Device, Super string
	ReadOnly, Dir                   bool
}

// probe writes the view of this process to standard output.
func probe(root bool) error {
	v, err := look()
	if err == nil && root {
		err = v.lookAtRoot()
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(v)
}

func look() (*view, error) {
	v := &view{Namespaces: map[string]string{}, Env: os.Environ(), Status: map[string]string{}}
	var err error
	if v.Mounts, err = mounts(); err != nil {
		return nil, err
	}
	for _, name := range []string{"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"} {
		if v.Namespaces[name], err = os.Readlink("/proc/self/ns/" + name); err != nil {
			return nil, err
		}
	}

	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	v.User = fmt.Sprint(os.Getuid(), " ", os.Getgid(), " ", host)
	status, err := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		v.Status[name] = strings.TrimSpace(value)
	}

	v.MakesLinks = os.Symlink("nothing", "link") == nil
	os.Remove("link")
	return v, err
}

func mounts() ([]mount, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	var all []mount
	for line := range strings.Lines(string(text)) {
		first, second, _ := strings.Cut(line, " - ")
		f, g := strings.Fields(first), strings.Fields(second)
		m := mount{Target: f[4], Root: f[3], Device: f[2], FS: g[0], Super: g[2]}
		m.ReadOnly = strings.HasPrefix(f[5], "ro")
		info, err := os.Lstat(m.Target)
		m.Dir = err == nil && info.IsDir()
		all = append(all, m)
	}
	return all, err
}

// lookAtRoot adds what is on the file system of the root. It is for a root that the
// sandbox made: walking the host's would take minutes.
func (v *view) lookAtRoot() error {
	v.Links, v.Files = map[string]string{}, map[string]string{}
	var root unix.Stat_t
	if err := unix.Stat("/", &root); err != nil {
		return err
	}

	return filepath.WalkDir("/", func(path string, entry fs.DirEntry, err error) error {
		var st unix.Stat_t
		if unix.Lstat(path, &st) != nil || st.Dev != root.Dev {
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		switch entry.Type() {
		case fs.ModeSymlink:
			v.Links[path], err = os.Readlink(path)
		case 0:
			var data []byte
			data, err = os.ReadFile(path)
			v.Files[path] = string(data)
		}
		return err
	})
}
