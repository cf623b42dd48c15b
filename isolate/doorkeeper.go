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
	"isolate-namespace/isolate/internal/calls"
	"isolate-namespace/isolate/internal/initproc"
)

// helper is the program that serves doors: name resolution and package net would cost
// every start of a sandbox, also of one that reaches nothing.
const helper = "isolate-network"

// helperPatience is how long the helper may go on after the end of the program.
const helperPatience = 6 * time.Second

// A doorkeeper holds the doors of a sandbox until somebody inside uses one, and then
// starts the helper that serves them. Nil does nothing.
type doorkeeper struct {
	told    func(Refusal)
	doors   []door.Door
	program int // the helper, found before the sandbox is made

	// The two ends of a socket by which init hands out those of the doors. Another
	// message at the control socket would wake the caller while it waits for init.
	ours, theirs int
	sockets      []int
	bell         *bell // nil unless it waits for the first use

	rest, end int // the two ends of a pipe: closing end is the end of the program
	ended     chan struct{}
	done      chan struct{}
}

// newDoorkeeper returns nil if the policy names no services.
func newDoorkeeper(p *Policy, told func(Refusal)) (*doorkeeper, error) {
	if len(p.Services) == 0 {
		return nil, nil
	}
	ours, theirs, err := initproc.Pair()
	if err != nil {
		return nil, &SetupError{Doing: "make a socket for init", Err: err}
	}
	return &doorkeeper{
		told: told, ours: ours, theirs: theirs, program: -1, rest: -1, end: -1,
		ended: make(chan struct{}), done: make(chan struct{}),
	}, nil
}

// initsEnd returns the descriptor that init needs.
func (k *doorkeeper) initsEnd() []int {
	if k == nil {
		return nil
	}
	return []int{k.theirs}
}

// plan decides which doors there will be, and finds what serves them.
func (k *doorkeeper) plan(p *Policy) (err error) {
	if k == nil {
		return nil
	}
	if k.doors, err = p.doors(); err != nil {
		return err
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Cur < uint64(3*k.count()+32) { // see startHelper
		return &SetupError{Doing: "serve what is reached", Err: unix.EMFILE}
	}
	if k.program, err = openHelper(); err != nil {
		return &SetupError{Doing: "find", Path: helper, Kind: KindNoHelper, Err: err}
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return &SetupError{Doing: "make a pipe", Err: err}
	}
	k.rest, k.end = ends[0], ends[1]
	return nil
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

// take takes the sockets from init, which has sent them. If the sandbox had to be made
// again, those of the last one count.
func (k *doorkeeper) take() error {
	if k == nil {
		return nil
	}
	for {
		var m initproc.Message
		sockets, err := initproc.Receive(k.ours, &m, k.count())
		if err != nil {
			break // EAGAIN: that was the last
		}
		closeAll(k.sockets)
		k.sockets = sockets
	}
	if len(k.sockets) != k.count() {
		return &SetupError{Doing: calls.HandOutDoors.String(), Err: unix.EMFILE} // recvmsg(2), MSG_CTRUNC
	}
	closeAll([]int{k.ours, k.theirs})
	k.ours, k.theirs = -1, -1
	return nil
}

// abandon gives up what start would have used.
func (k *doorkeeper) abandon() {
	if k != nil {
		closeAll(append(k.sockets, k.ours, k.theirs, k.program, k.rest, k.end))
	}
}

// watch begins to wait for the first use of a door, for which whoever waits for a message
// at the control socket looks.
func (k *doorkeeper) watch(control int) {
	if k == nil {
		return
	}
	var err error
	if k.bell, err = newBell(k.usable(), control); err != nil {
		k.tell(door.Refusal{Reason: door.Gone, Detail: fmt.Sprintf("wait for connections: %v", err)})
		k.close()
	}
}

// usable returns the sockets that something inside can use: nothing leads to a spare one
// before a name was asked for, and it always hangs up.
func (k *doorkeeper) usable() (sockets []int) {
	from := 0
	for _, d := range k.doors {
		to := from + d.Sockets()
		if d.Kind != door.Spare {
			sockets = append(sockets, k.sockets[from:to]...)
		}
		from = to
	}
	return sockets
}

// orBell returns what can be read when a message has come to the control socket, or a
// door was used before.
func (k *doorkeeper) orBell(control *os.File) *os.File {
	if k == nil || k.bell == nil {
		return control
	}
	return k.bell.file
}

// isUsed reports whether a door was used for the first time.
func (k *doorkeeper) isUsed() bool { return k != nil && k.bell != nil && k.bell.rings() }

// serve begins to serve the doors, once isUsed.
func (k *doorkeeper) serve() {
	k.bell.close()
	k.bell = nil
	go k.keep()
}

// closeUnused is called when the program has ended, and gives up doors that nothing has
// used. Meanwhile init ends.
func (k *doorkeeper) closeUnused() {
	if k != nil && k.bell != nil && !k.bell.rings() {
		k.bell.close()
		k.bell = nil
		k.close()
	}
}

// finish is called after closeUnused, when everything inside has ended.
func (k *doorkeeper) finish() {
	if k == nil {
		return
	}
	if k.bell != nil { // used by the last that the program did
		k.serve()
	}
	unix.Close(k.end)
	close(k.ended)
}

// close gives up the doors, so that connections to them are refused.
func (k *doorkeeper) close() {
	closeAll(append(k.sockets, k.program, k.rest))
	close(k.done)
}

// wait returns when what the program has sent is on its way, which the helper tries for
// some seconds. It is called after finish.
func (k *doorkeeper) wait() {
	if k != nil {
		<-k.done
	}
}

// keep serves the doors to the end. It does everything on one thread, since the helper
// ends with the thread that started it (PR_SET_PDEATHSIG, prctl(2)).
func (k *doorkeeper) keep() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	h, err := k.startHelper()
	closeAll(append(k.sockets, k.program, k.rest))
	if err != nil {
		k.tell(door.Refusal{Reason: door.Gone, Detail: err.Error()})
	} else {
		k.accompany(h)
	}
	close(k.done)
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
	if err == unix.EINVAL { // fcntl(2): the number would be above RLIMIT_NOFILE
		err = unix.EMFILE
	}
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
