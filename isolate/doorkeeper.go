package isolate

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/door"
)

// helper is the program that serves doors: name resolution and package net would cost
// every start of a sandbox, also of one that reaches nothing.
const helper = "isolate-network"

// helperPatience is how long the helper may go on after the end of the program.
const helperPatience = 6 * time.Second

// A doorkeeper holds the doors of a sandbox until somebody inside uses one, and then
// starts the helper that serves them. Nil does nothing.
type doorkeeper struct {
	doors   []door.Door
	told    func(Refusal)
	program int // the helper, found before the sandbox is made
	sockets []int

	rest, end int // the two ends of a pipe: closing end is the end of the program
	ended     chan struct{}
	done      chan struct{}
}

// newDoorkeeper returns nil if the policy names no services.
func newDoorkeeper(p *Policy, told func(Refusal)) (*doorkeeper, error) {
	doors, err := p.doors()
	if err != nil || doors == nil {
		return nil, err
	}
	k := &doorkeeper{doors: doors, told: told, ended: make(chan struct{}), done: make(chan struct{})}
	if k.program, err = openHelper(); err != nil {
		return nil, &SetupError{Doing: "find", Path: helper, Kind: KindNoHelper, Err: err}
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		unix.Close(k.program)
		return nil, &SetupError{Doing: "make a pipe", Err: err}
	}
	k.rest, k.end = ends[0], ends[1]
	return k, nil
}

// openHelper opens the helper beside this program, or else in PATH. It is the one that
// is there now that will be started.
func openHelper() (fd int, err error) {
	if self, err := os.Executable(); err == nil {
		if fd, err := openProgram(filepath.Join(filepath.Dir(self), helper)); err == nil {
			return fd, nil
		}
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if fd, err := openProgram(filepath.Join(dir, helper)); err == nil {
			return fd, nil
		}
	}
	return -1, unix.ENOENT
}

func openProgram(path string) (fd int, err error) {
	if err := unix.Access(path, unix.X_OK); err != nil {
		return -1, err
	}
	return unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
}

// count returns how many sockets init is to hand out.
func (k *doorkeeper) count() (n int) {
	if k != nil {
		for _, d := range k.doors {
			n += d.Sockets()
		}
	}
	return n
}

// take takes the sockets from init. There were others if the sandbox had to be made
// again.
func (k *doorkeeper) take(sockets []int) {
	closeAll(k.sockets)
	k.sockets = sockets
}

// abandon gives up what start would have used.
func (k *doorkeeper) abandon() {
	if k != nil {
		closeAll(append(k.sockets, k.program, k.rest, k.end))
	}
}

// start begins to wait for the first use of a door.
func (k *doorkeeper) start() {
	if k != nil {
		go k.keep()
	}
}

// finish is called when the program has ended.
func (k *doorkeeper) finish() {
	if k != nil {
		unix.Close(k.end)
		close(k.ended)
	}
}

// wait returns when what the program has sent is on its way, which the helper tries for
// some seconds. It is called after finish.
func (k *doorkeeper) wait() {
	if k != nil {
		<-k.done
	}
}

// keep does everything on one thread, since the helper ends with the thread that
// started it (PR_SET_PDEATHSIG, prctl(2)).
func (k *doorkeeper) keep() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(k.done)
	used := k.waitForUse()
	var h startedHelper
	var err error
	if used {
		h, err = k.startHelper()
	}
	closeAll(append(k.sockets, k.program, k.rest))
	switch {
	case err != nil:
		k.tell(door.Refusal{Reason: door.Gone, Detail: err.Error()})
	case used:
		k.accompany(h)
	}
}

// waitForUse reports whether something inside has used a door before the end.
func (k *doorkeeper) waitForUse() bool {
	var polled []unix.PollFd
	for _, fd := range append(k.sockets, k.rest) {
		polled = append(polled, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	for {
		if _, err := unix.Poll(polled, -1); err == unix.EINTR {
			continue
		} else if err != nil {
			return false
		}
		last := len(polled) - 1
		for i, p := range polled[:last] {
			if p.Revents&unix.POLLIN != 0 {
				return true
			}
			if p.Revents != 0 {
				polled[i].Fd = -1 // a spare socket, which isn't connected, hangs up
			}
		}
		if polled[last].Revents != 0 {
			return false
		}
	}
}

// A startedHelper has descriptors of a helper that runs: its pidfd, and what it says.
type startedHelper struct{ pid, handle, lines int }

// startHelper starts the helper with the sockets from descriptor 3 on. Its input ends
// with the program, and its output is what there is to tell.
func (k *doorkeeper) startHelper() (h startedHelper, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return h, err
	}
	defer unix.Close(ends[1])
	args := []string{helper}
	for _, d := range k.doors {
		args = append(args, d.String())
	}
	files := []uintptr{uintptr(k.rest), uintptr(ends[1]), 2}
	for _, fd := range k.sockets {
		files = append(files, uintptr(fd))
	}

	// It must not be where ForkExec puts the others: first above them all, then at 0.
	program, err := unix.FcntlInt(uintptr(k.program), unix.F_DUPFD_CLOEXEC, int(slices.Max(files))+2*len(files)+2)
	if err != nil {
		unix.Close(ends[0])
		return h, fmt.Errorf("start %s: %w", helper, err)
	}
	defer unix.Close(program)
	h.lines = ends[0]
	h.pid, err = syscall.ForkExec(fmt.Sprintf("/proc/self/fd/%d", program), args, &syscall.ProcAttr{
		Env: os.Environ(), Files: files,
		// A session of its own keeps the terminal's signals from it.
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: unix.SIGKILL, PidFD: &h.handle},
	})
	if err != nil {
		unix.Close(ends[0])
		return h, fmt.Errorf("start %s: %w", helper, err)
	}
	return h, nil
}

// accompany passes on what the helper says, to its end.
func (k *doorkeeper) accompany(h startedHelper) {
	heard := make(chan struct{})
	go func() {
		select {
		case <-heard:
		case <-k.ended:
			select {
			case <-heard:
			case <-time.After(helperPatience):
				unix.PidfdSendSignal(h.handle, unix.SIGKILL, nil, 0)
			}
		}
	}()

	scanner := bufio.NewScanner(rawReader(h.lines))
	for scanner.Scan() {
		if r, err := door.ParseRefusal(scanner.Text()); err == nil {
			k.tell(r)
		}
	}
	close(heard)
	unix.Close(h.lines)
	unix.Close(h.handle)
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(h.pid, &status, 0, nil)
		if err == nil && (!status.Exited() || status.ExitStatus() != 0) {
			k.tell(door.Refusal{Reason: door.Gone, Detail: fmt.Sprintf("%s ended: %v", helper, (&ExitError{Status: status}).Error())})
		}
		if err != unix.EINTR {
			return
		}
	}
}

func (k *doorkeeper) tell(r door.Refusal) {
	if k.told != nil {
		k.told(newRefusal(r))
	}
}

// A rawReader reads a descriptor on the thread that asks, which a file of package os
// need not do.
type rawReader int

func (r rawReader) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(r), b)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}
