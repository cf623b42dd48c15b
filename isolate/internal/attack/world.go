package attack

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A World is what an attack knows of the machine.
type World struct {
	Work      string // the program's own directory, writable inside
	Frozen    string // shown read-only
	Outside   string // beside them, not shown, with a file "secret" in it
	Hidden    string // a masked file in Work, with content outside
	Shadow    string // a masked directory in Work
	Victim    int    // a process of the same user's, with secret in environment
	Mapping   uint64 // where its memory begins
	Port      int    // a listener on the loopback interface
	Abstract  string // an abstract socket's name
	Pathname  string // a listening socket's path in Outside
	Tmp       string // a file in the host's /tmp
	Shm       string // a file in the host's /dev/shm
	Segment   int    // the key of a segment of shared memory
	Queue     string // the name of a message queue
	Semaphore int    // the key of a set of semaphores
	Name      string // the machine's host name
	First     int    // the process 1 inside; outside whoever made the world stands for it
	Shared    bool   // /proc is that of the processes outside, where process 1 inside has another number

	leaked  int      // a descriptor of Outside that a child of the world's maker has
	endings []func() // what undoes the world, the last one first
}

// Secret is what nobody inside may know.
const Secret = "nobody inside may know this"

// NewWorld makes a world in an existing directory. It is to be ended, whether
// there was an error or not.
func NewWorld(dir string, attacker Attacker) (*World, error) {
	at := func(name string) string { return filepath.Join(dir, name) }
	w := &World{
		Work: at("work"), Frozen: at("frozen"), Outside: at("outside"),
		Hidden: at("work/hidden"), Shadow: at("work/deep/shadow"), First: os.Getpid(),
	}
	w.Name, _ = os.Hostname()
	for _, step := range []func() error{w.makeFiles, w.leak, w.listen, w.makeSegment, w.makeQueue, w.makeSemaphore} {
		if err := step(); err != nil {
			return w, err
		}
	}
	return w, w.startVictim(attacker.Command("victim"))
}

// Leaked returns a descriptor of Outside that all programs inherit which this
// process starts without care.
func (w *World) Leaked() int { return w.leaked }

// End undoes the world.
func (w *World) End() {
	for i := len(w.endings) - 1; i >= 0; i-- {
		w.endings[i]()
	}
}

func (w *World) atEnd(f func()) { w.endings = append(w.endings, f) }

func (w *World) makeFiles() (err error) {
	for _, dir := range []string{w.Work + "/sub", w.Shadow, w.Frozen + "/dir", w.Frozen + "/empty", w.Outside + "/other"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}

	for path, content := range map[string]string{
		w.Work + "/own": "", w.Shadow + "/inner": "", w.Frozen + "/file": "x", w.Frozen + "/dir/inner": "",
		w.Outside + "/secret": Secret, w.Hidden: Secret,
	} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}

	program := w.Outside + "/program"
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		return err
	}
	if w.Tmp, err = w.scratchFile("/tmp"); err == nil {
		w.Shm, err = w.scratchFile("/dev/shm")
	}
	return err
}

// leak opens the directory outside for all programs that this process starts.
func (w *World) leak() (err error) {
	w.leaked, err = unix.Open(w.Outside, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err == nil {
		w.atEnd(func() { unix.Close(w.leaked) })
	}
	return err
}

func (w *World) scratchFile(dir string) (string, error) {
	f, err := os.CreateTemp(dir, "isolate-test-")
	if err != nil {
		return "", err
	}
	defer f.Close()
	w.atEnd(func() { os.Remove(f.Name()) })
	_, err = f.WriteString(Secret)
	return f.Name(), err
}

func (w *World) listen() error {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.atEnd(func() { tcp.Close() })
	w.Port = tcp.Addr().(*net.TCPAddr).Port
	w.Abstract = fmt.Sprintf("isolate-test-%d", w.Port)
	// A path in a test's directory may be longer than a socket's can be.
	w.Pathname = filepath.Join("/tmp", w.Abstract)
	for _, name := range []string{"@" + w.Abstract, w.Pathname} {
		l, err := net.Listen("unix", name)
		if err != nil {
			return err
		}
		w.atEnd(func() { l.Close() })
	}
	return nil
}

func (w *World) startVictim(victim *exec.Cmd) error {
	if err := victim.Start(); err != nil {
		return err
	}
	w.Victim = victim.Process.Pid
	w.atEnd(func() { victim.Process.Kill(); victim.Wait() })
	for deadline := time.Now().Add(10 * time.Second); containsIn(fmt.Sprintf("/proc/%d/cmdline", w.Victim), "sleep") != nil; {
		if time.Now().After(deadline) {
			return fmt.Errorf("the victim doesn't sleep")
		}
		time.Sleep(time.Millisecond)
	}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", w.Victim))
	if err == nil {
		_, err = fmt.Sscanf(string(maps), "%x-", &w.Mapping)
	}
	return err
}

// beVictim becomes a program that its siblings may trace, where Yama would
// let only ancestors: the controls would fail there.
func beVictim() int {
	const setTracer, anyone = 0x59616d61, ^uintptr(0)
	raw(unix.SYS_PRCTL, setTracer, anyone) // unknown without Yama
	fmt.Fprintln(os.Stderr, unix.Exec("/bin/sleep", []string{"sleep", "600"}, []string{"SECRET=" + Secret}))
	return 1
}

func (w *World) makeSegment() error {
	id, err := unix.SysvShmGet(int(time.Now().UnixNano()&0x7fffffff)|1, 4096, unix.IPC_CREAT|0o600)
	if err != nil {
		return err
	}
	w.Segment = id
	w.atEnd(func() { unix.SysvShmCtl(id, unix.IPC_RMID, nil) })
	return nil
}

func (w *World) makeQueue() error {
	w.Queue = w.Abstract
	fd, _, e := unix.RawSyscall6(unix.SYS_MQ_OPEN, cString(w.Queue), unix.O_CREAT|unix.O_RDWR, 0o600, 0, 0, 0)
	if e != 0 {
		return e
	}
	w.atEnd(func() { unix.Close(int(fd)); raw(unix.SYS_MQ_UNLINK, cString(w.Queue)) })
	return nil
}

func (w *World) makeSemaphore() error {
	w.Semaphore = int(time.Now().UnixNano()&0x7fffffff) | 1
	id, _, e := unix.RawSyscall(unix.SYS_SEMGET, uintptr(w.Semaphore), 1, unix.IPC_CREAT|0o600)
	if e != 0 {
		return e
	}
	w.atEnd(func() { raw(unix.SYS_SEMCTL, id, 0, unix.IPC_RMID, 0) })
	return nil
}
