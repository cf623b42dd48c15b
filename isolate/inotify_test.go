package isolate

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A sandbox that takes all the inotify instances and watches it gets leaves
// half of the user's to programs outside; where the limits are lifted it leaves
// none. The user's are few here, in a user namespace around both.
func TestInotifyIsLeftToOthers(t *testing.T) {
	dir := t.TempDir()
	for i := range 30 {
		os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o644)
	}
	for how, want := range map[string]string{
		"default": "inside 6 instances, 10 watches; outside 6 instances, 10 watches",
		"set":     "inside 2 instances, 3 watches; outside 10 instances, 17 watches",
		"none":    "inside 12 instances, 20 watches; outside 0 instances, 0 watches",
	} {
		user := exec.Command("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", selfPath(t), how, dir)
		user.Env = append(os.Environ(), roleVariable+"=inotifyUser")
		out, err := user.CombinedOutput()
		if got := strings.TrimSpace(string(out)); got != want {
			t.Errorf("%s: %s (%v), want %s", how, got, err, want)
		}
	}
}

// inotifyUserRole returns a user who may have 12 instances and 20 watches.
func inotifyUserRole(args []string) int {
	how, dir := args[0], args[1]
	os.WriteFile("/proc/sys/user/max_inotify_instances", []byte("12"), 0)
	os.WriteFile("/proc/sys/user/max_inotify_watches", []byte("20"), 0)
	self, _ := os.Executable()
	p := in(dir)
	p.Mounts = append(p.Mounts, ReadOnly(self))
	p.Env = []string{roleVariable + "=inotify", "PATH=/usr/bin:/bin"}
	switch how {
	case "set":
		p.Limits.InotifyInstances, p.Limits.InotifyWatches = 2, 3
	case "none":
		p.Limits.InotifyInstances, p.Limits.InotifyWatches = Unlimited, Unlimited
	}

	cmd := Command(p, self, dir, "wait")
	end, inner, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	told, out, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = end, out, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		return 1
	}

	var instances, watches int
	fmt.Fscanf(told, "%d %d\n", &instances, &watches)
	fmt.Printf("inside %d instances, %d watches; outside ", instances, watches)
	instances, watches = watchAll(dir)
	fmt.Printf("%d instances, %d watches\n", instances, watches)
	inner.Close()
	cmd.Wait()
	return 0
}

func inotifyRole(args []string) int {
	fmt.Println(watchAll(args[0]))
	os.Stdin.Read(make([]byte, 1))
	return 0
}

// watchAll takes all the instances and watches that it gets.
func watchAll(dir string) (instances, watches int) {
	var all []int
	for len(all) < 100 {
		fd, err := unix.InotifyInit1(0)
		if err != nil {
			break
		}
		all = append(all, fd)
	}
	if len(all) == 0 {
		return 0, 0
	}
	for i := range 30 {
		if _, err := unix.InotifyAddWatch(all[0], filepath.Join(dir, fmt.Sprint(i)), unix.IN_MODIFY); err == nil {
			watches++
		}
	}
	return len(all), watches
}
