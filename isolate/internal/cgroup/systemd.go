package cgroup

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// askForScope asks systemd to put the caller into a scope of its own, a group
// in which the caller may make others (systemd.io/CGROUP_DELEGATION), and reports
// whether that worked. It asks the user's manager, or for root the system's. The
// scope ends with the caller.
//
// It uses busctl, which comes with systemd. With a D-Bus library, every start of
// every program, with or without limits, would initialise the network packages.
func askForScope() bool {
	bus, socket := "--user", fmt.Sprintf("/run/user/%d/bus", os.Getuid())
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		socket = dir + "/bus"
	}
	if os.Getuid() == 0 {
		bus, socket = "--system", "/run/dbus/system_bus_socket"
	}
	busctl := slices.DeleteFunc([]string{"/usr/bin/busctl", "/bin/busctl"}, func(path string) bool { return unix.Access(path, unix.X_OK) != nil })
	if len(busctl) == 0 || unix.Access(socket, unix.W_OK) != nil {
		return false
	}

	before, _ := os.ReadFile("/proc/self/cgroup")
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer null.Close()

	p, err := os.StartProcess(busctl[0], append([]string{"busctl", bus, "--quiet"}, scopeCall(os.Getpid())...),
		&os.ProcAttr{Files: []*os.File{null, null, null}})
	if err != nil {
		return false
	}
	if state, err := p.Wait(); err != nil || !state.Success() {
		return false
	}

	// The answer only says that the manager will do it.
	for range 100 {
		if now, _ := os.ReadFile("/proc/self/cgroup"); string(now) != string(before) {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}

	return false
}

// scopeCall returns busctl's arguments for a scope that holds the process.
func scopeCall(pid int) []string {
	unit := fmt.Sprintf("isolate-%d.scope", pid)
	call := strings.Fields("call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager " +
		"StartTransientUnit ssa(sv)a(sa(sv)) " + unit + " fail 3 PIDs au 1 " + strconv.Itoa(pid) + " Delegate b true CollectMode s inactive-or-failed 0")
	return call
}
