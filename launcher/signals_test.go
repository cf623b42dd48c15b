package launcher

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSignalsArriveOnce(t *testing.T) {
	for _, test := range []struct {
		name    string
		group   bool // Jupyter sends to the group, VS Code to the process
		ignored bool // by Jupyter when it was started, in a script's background
	}{{"group", true, false}, {"process", false, false}, {"ignored outside", true, true}} {
		t.Run(test.name, func(t *testing.T) {
			if test.ignored {
				signal.Ignore(syscall.SIGINT)
				defer signal.Reset(syscall.SIGINT)
			}
			k := startSession(t, setup{})
			pid := k.cmd.Process.Pid
			if test.group {
				pid = -pid
			}
			syscall.Kill(pid, syscall.SIGINT)
			if line := k.line(); line != "signal interrupt" {
				t.Fatalf("output: %q", line)
			}
			time.Sleep(50 * time.Millisecond)
			syscall.Kill(pid, syscall.SIGUSR1)
			if line := k.line(); line != "signal user defined signal 1" {
				t.Errorf("output: %q", line)
			}
		})
	}
}

func TestTermination(t *testing.T) {
	tests := []struct {
		name     string
		stubborn bool
		signal   syscall.Signal
		status   int
	}{
		{"SIGTERM", false, syscall.SIGTERM, 128 + 15},
		{"SIGHUP", false, syscall.SIGHUP, 128 + 1},
		{"SIGQUIT", false, syscall.SIGQUIT, 2}, // Go's runtime prints its stacks and exits
		{"SIGTERM, ignored by the kernel", true, syscall.SIGTERM, 128 + 9},
		{"SIGKILL", false, syscall.SIGKILL, -9},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := startSession(t, setup{})
			inner := descendants(k.cmd.Process.Pid)
			if len(inner) != 2 {
				t.Fatalf("init and kernel are %v", inner)
			}
			if test.stubborn {
				k.ask("shell", "stubborn")
			}
			go io.Copy(io.Discard, k.stdout) // the stacks may be more than pipes hold
			k.cmd.Process.Signal(test.signal)
			status, took := k.wait()
			if status != test.status || took > 10*time.Second {
				t.Errorf("status %d after %v, want %d", status, took, test.status)
			}
			gone(t, inner)
		})
	}
}

func TestFrontEndDies(t *testing.T) {
	tests := []struct {
		name    string
		between []string // what the front end starts the launcher with
		dies    bool
	}{
		{"the launcher's parent", nil, true},
		{"a process in between lives on", []string{"/bin/sh", "-c", `trap "" HUP; "$@"; sleep 5`, "sh"}, true},
		{"an independent kernel", []string{"/usr/bin/env", "-u", "JPY_PARENT_PID"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := prepare(t, setup{env: map[string]string{"LAUNCHER_TEST": "front end"}})
			self := k.cmd.Args[0]
			k.cmd.Args = slices.Concat([]string{self}, test.between, k.cmd.Args)
			k.start()
			var launcher int
			for launcher == 0 || k.line() != "listening" {
				if launcher == 0 {
					fmt.Sscanf(k.line(), "launcher %d", &launcher)
				}
			}

			all := append(descendants(launcher), launcher)
			if test.between != nil && test.dies {
				all = all[:len(all)-1] // but for the process in between
			}
			k.cmd.Process.Kill()
			k.wait()
			if test.dies {
				gone(t, all)
				return
			}

			time.Sleep(300 * time.Millisecond)
			if got := k.ask("shell", "channel"); got != "shell" {
				t.Errorf("answers %v", got)
			}
			syscall.Kill(launcher, syscall.SIGTERM)
			gone(t, all)
		})
	}
}

// descendants returns the processes below pid.
func descendants(pid int) []int {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var all []int
	for _, task := range tasks {
		out, _ := os.ReadFile(task)
		for _, field := range strings.Fields(string(out)) {
			child, _ := strconv.Atoi(field)
			all = append(append(all, child), descendants(child)...)
		}
	}
	return all
}

// gone waits until no process is left, for as long as a front end waits.
func gone(t *testing.T, pids []int) {
	t.Helper()
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		pids = slices.DeleteFunc(pids, func(pid int) bool {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			return err != nil || strings.Contains(string(stat), ") Z ")
		})
		if len(pids) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("still there: %v", pids)
		}
	}
}
