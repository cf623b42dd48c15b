package launcher

import (
	"os"
	"os/signal"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/inherited"
	"isolate-namespace/isolate"
)

// grace is how long a kernel has to end after it was told to. Jupyter waits half as
// long before it sends SIGKILL (KernelManager.shutdown_wait_time, 5 s), so a kernel
// has as much time to save its work as it would have without us. VS Code sends
// SIGTERM once and never SIGKILL, so killing is left to us.
const grace = 5 * time.Second

// catchSignals begins to collect the signals that are meant for the kernel.
// Jupyter sends them to the launcher's process group, which is the launcher
// alone, VS Code to the launcher; either way they come once. Those that Jupyter
// was started to ignore, as in a script's background job, are collected as well:
// a kernel that takes its interrupts anyway gets them, and the others inherit
// that they ignore them.
func catchSignals() <-chan os.Signal {
	signals := make(chan os.Signal, 32)
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH, unix.SIGCONT} {
		signal.Notify(signals, sig)
	}
	// We don't end when the front end stops listening to our output.
	signal.Ignore(unix.SIGPIPE)
	return signals
}

// passSignals sends what comes in to the kernel, until the kernel has ended.
// It kills a kernel that doesn't end when it was told to, or when the front end is
// gone.
func passSignals(k *isolate.Cmd, signals <-chan os.Signal, orphaned, ended <-chan struct{}) {
	var deadline <-chan time.Time
	for {
		select {
		case s := <-signals:
			sig := s.(unix.Signal)
			k.Signal(sig)
			if deadline == nil && (sig == unix.SIGTERM || sig == unix.SIGHUP) && !inherited.Ignores(sig) {
				deadline = time.After(grace)
			}
		case <-orphaned:
			orphaned = nil
			k.Signal(unix.SIGTERM)
			deadline = time.After(grace)
		case <-deadline:
			k.Signal(unix.SIGKILL)
		case <-ended:
			return
		}
	}
}

// WatchFrontEnd returns a channel that is closed when the process that started
// the kernel is gone. Jupyter names it in JPY_PARENT_PID, unless the kernel is
// meant to outlive it: then the channel is nil. There may be a process between
// it and us, whose end counts too. parent is ours, as of our own start.
func WatchFrontEnd(parent int) <-chan struct{} {
	frontEnd, err := strconv.Atoi(os.Getenv("JPY_PARENT_PID"))
	if err != nil || frontEnd <= 1 {
		return nil
	}
	gone := make(chan struct{}, 2)
	watchProcess(parent, gone)
	if frontEnd != parent {
		watchProcess(frontEnd, gone)
	}
	if os.Getppid() != parent {
		gone <- struct{}{}
	}
	return gone
}

// watchProcess writes to gone when the process ends. One that can't be seen
// from here lives in another container, and its end can't be either.
func watchProcess(pid int, gone chan<- struct{}) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return
	}
	// The descriptor becomes readable when the process ends, pidfd_open(2).
	// Waiting for that through the os package takes no thread.
	raw, err := os.NewFile(uintptr(fd), "process").SyscallConn()
	if err != nil {
		return
	}
	go raw.Read(func(fd uintptr) bool {
		n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		if n > 0 {
			gone <- struct{}{}
		}
		return n > 0
	})
}
