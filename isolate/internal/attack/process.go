package attack

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// processAttacks are on a process outside and on the one that is process 1
// inside. Outside of a sandbox the attacker's parent stands for the latter.
func processAttacks() []Attack {
	at := func(name string, try func(w *World) error) Attack { return Attack{name, Plainly, try} }
	of := func(w *World, name string) string { return fmt.Sprintf("/proc/%d/%s", w.Victim, name) }
	first := func(w *World, name string) string {
		number := w.First
		if w.Shared {
			number = firstInProc()
		}
		return fmt.Sprintf("/proc/%d/%s", number, name)
	}
	errno := func(e unix.Errno) error {
		if e != 0 {
			return e
		}
		return nil
	}
	return []Attack{
		at("sees another process", func(w *World) error { return exists(of(w, "status")) }),
		at("reads another's command line", func(w *World) error { return containsIn(of(w, "cmdline"), "sleep") }),
		at("reads another's environment", func(w *World) error { return reads(of(w, "environ")) }),
		at("reads another's memory map", func(w *World) error { return containsIn(of(w, "maps"), "sleep") }),
		at("lists another's descriptors", func(w *World) error { return holds(of(w, "fd"), "0") }),
		at("follows another's descriptor", func(w *World) error { _, err := os.Readlink(of(w, "fd/0")); return err }),
		at("follows another's working directory", func(w *World) error { return exists(of(w, "cwd/.")) }),
		at("follows another's root", func(w *World) error { return reads(of(w, "root") + filepath.Join(w.Outside, "secret")) }),
		at("opens another's executable", func(w *World) error { _, err := os.Open(of(w, "exe")); return err }),
		at("reads another's limits", func(w *World) error { return containsIn(of(w, "limits"), "open files") }),
		at("reads another's cgroup", func(w *World) error { _, err := os.ReadFile(of(w, "cgroup")); return err }),
		at("opens another's namespace", func(w *World) error { _, err := os.Open(of(w, "ns/net")); return err }),
		at("reads the tables of another's network", func(w *World) error { _, err := os.ReadFile(of(w, "net/unix")); return err }),
		at("reads another's mount table", func(w *World) error { _, err := os.ReadFile(of(w, "mountinfo")); return err }),
		at("changes another's oom score", func(w *World) error { return os.WriteFile(of(w, "oom_score_adj"), []byte("500"), 0) }),
		at("finds another by searching", func(w *World) error {
			paths, _ := filepath.Glob("/proc/[0-9]*/environ")
			for _, path := range paths {
				if reads(path) == nil {
					return nil
				}
			}
			return errRefused
		}),
		at("counts the machine's processes", func(w *World) error {
			paths, _ := filepath.Glob("/proc/[0-9]*")
			if len(paths) < 5 {
				return errRefused
			}
			return nil
		}),
		at("signals another", func(w *World) error { return unix.Kill(w.Victim, 0) }),
		at("signals another's thread", func(w *World) error { return unix.Tgkill(w.Victim, w.Victim, 0) }),
		at("gets a handle of another", func(w *World) error { _, err := unix.PidfdOpen(w.Victim, 0); return err }),
		at("changes another's priority", func(w *World) error { return unix.Setpriority(unix.PRIO_PROCESS, w.Victim, 1) }),
		at("asks for another's priority", func(w *World) error { _, err := unix.Getpriority(unix.PRIO_PROCESS, w.Victim); return err }),
		at("changes another's CPUs", func(w *World) error {
			var set unix.CPUSet
			if err := unix.SchedGetaffinity(w.Victim, &set); err != nil {
				return err
			}
			return unix.SchedSetaffinity(w.Victim, &set)
		}),
		at("changes another's limits", func(w *World) error {
			var limit unix.Rlimit
			return unix.Prlimit(w.Victim, unix.RLIMIT_CORE, nil, &limit)
		}),
		at("asks for another's session", func(w *World) error { _, err := unix.Getsid(w.Victim); return err }),
		at("asks for another's group", func(w *World) error { _, err := unix.Getpgid(w.Victim); return err }),
		at("asks for another's scheduling", func(w *World) error { return errno(raw(unix.SYS_SCHED_GETSCHEDULER, uintptr(w.Victim))) }),
		at("asks for another's locks", func(w *World) error {
			var head, size uint64
			return errno(raw(unix.SYS_GET_ROBUST_LIST, uintptr(w.Victim), addressOf(&head), addressOf(&size)))
		}),
		at("asks for another's I/O priority", func(w *World) error { return errno(raw(unix.SYS_IOPRIO_GET, 1, uintptr(w.Victim))) }),
		at("compares itself with another", func(w *World) error {
			e := raw(unix.SYS_KCMP, uintptr(os.Getpid()), uintptr(w.Victim), 0, 0, 0)
			return errno(e)
		}),

		at("sees the first process", func(w *World) error { return exists(strings.TrimSuffix(first(w, ""), "/")) }),
		at("reads the first process's environment", func(w *World) error { _, err := os.ReadFile(first(w, "environ")); return err }),
		at("reads the first process's command line", func(w *World) error {
			line, err := os.ReadFile(first(w, "cmdline"))
			if err == nil && len(bytes.Trim(line, "\x00")) == 0 {
				return errRefused
			}
			return err
		}),
		at("opens the first process's executable", func(w *World) error { _, err := os.Open(first(w, "exe")); return err }),
		at("reads the first process's memory map", func(w *World) error { _, err := os.ReadFile(first(w, "maps")); return err }),
		at("lists the first process's descriptors", func(w *World) error { _, err := os.ReadDir(first(w, "fd")); return err }),
		at("follows the first process's root", func(w *World) error { return exists(first(w, "root/.")) }),
		at("follows the first process's working directory", func(w *World) error { return exists(first(w, "cwd/.")) }),
	}
}

// firstInProc returns the number in /proc of the process that is 1 for us, or 0.
func firstInProc() int {
	number := "self"
	for range 100 {
		status, err := os.ReadFile("/proc/" + number + "/status")
		if err != nil {
			return 0
		}
		numbers := field(status, "NSpid") // proc_pid_status(5): that in /proc first, ours last
		if len(numbers) > 1 && numbers[len(numbers)-1] == "1" {
			n, _ := strconv.Atoi(numbers[0])
			return n
		}
		number = strings.Join(field(status, "PPid"), "")
	}
	return 0
}

// field returns the words after a name in a status file.
func field(status []byte, name string) []string {
	_, rest, _ := bytes.Cut(status, []byte("\n"+name+":"))
	line, _, _ := strings.Cut(string(rest), "\n")
	return strings.Fields(line)
}
