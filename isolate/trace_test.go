package isolate

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tracing begins each script below.
const tracing = `
import ctypes, os, signal, threading, time
libc = ctypes.CDLL(None)
def trace_me(): assert libc.ptrace(0, 0, 0, 0) == 0
def hold(process): # as its tracer, who has the first right to wait for it
    assert libc.ptrace(0x4206, process, 0, 0) == 0 # PTRACE_SEIZE
def in_child(what):
    child = os.fork()
    if child == 0:
        what()
        os._exit(0)
    return child
def say(*words): print(*words, flush=True)
libc.prctl(0x59616d61, ctypes.c_ulong(2**64-1), 0, 0, 0) # PR_SET_PTRACER: anybody may
me = os.getpid()
`

// Programs that make init their tracer, or that somebody else traces, are as
// if nobody did: what they write, and with which status they end.
var traced = []struct {
	name, script string
	says         string
	status       int
}{
	{"a signal that is caught", `
signal.signal(signal.SIGUSR1, lambda *_: say("caught"))
trace_me()
os.kill(me, signal.SIGUSR1)
say("goes on")`, "caught goes on", 0},
	{"a signal that ends it", `
trace_me()
os.kill(me, signal.SIGTERM)`, "", 128 + 15},
	{"an ignored signal", `
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
trace_me()
os.kill(me, signal.SIGUSR1)
say("goes on")`, "goes on", 0},
	{"a trap", `
trace_me()
signal.raise_signal(signal.SIGTRAP)`, "", 128 + 5},
	{"a program that it executes", `
trace_me()
os.execv("/bin/echo", ["echo", "executed"])`, "executed", 0},
	{"again and again", `
signal.signal(signal.SIGUSR1, lambda *_: say("caught"))
for _ in range(3):
    trace_me()
    os.kill(me, signal.SIGUSR1)`, "caught caught caught", 0},
	{"a stop, which a child ends", `
trace_me()
in_child(lambda: (time.sleep(0.3), os.kill(me, signal.SIGCONT)))
os.kill(me, signal.SIGSTOP)
say("goes on")`, "goes on", 0},
	{"a thread of its own", `
def other():
    trace_me()
    os.execv("/bin/echo", ["echo", "executed"])
threading.Thread(target=other).start()
time.sleep(20)`, "executed", 0},
	{"a thread in a stop of all", `
ready = threading.Event()
threading.Thread(target=lambda: (trace_me(), ready.set(), time.sleep(1), say("thread"))).start()
ready.wait()
in_child(lambda: (time.sleep(0.3), os.kill(me, signal.SIGCONT)))
os.kill(me, signal.SIGSTOP)`, "thread", 0},
	{"an orphan, which has become init's child", `
r, w = os.pipe()
def orphan():
    while os.getppid() != 1: time.sleep(0.01)
    signal.signal(signal.SIGUSR1, lambda *_: say("caught"))
    trace_me()
    os.kill(os.getpid(), signal.SIGUSR1)
    os.write(w, b"x")
in_child(lambda: in_child(orphan))
os.read(r, 1)`, "caught", 0},
	{"an orphan whose tracer ends while it is in a stop", `
r, w = os.pipe()
def orphan():
    signal.signal(signal.SIGUSR1, lambda *_: say("caught"))
    trace_me()
    os.kill(os.getpid(), signal.SIGUSR1)
    os.write(w, b"x")
def parent():
    os.waitid(os.P_PID, in_child(orphan), os.WSTOPPED | os.WNOWAIT)
in_child(parent)
os.read(r, 1)`, "caught", 0},
	{"a child that holds it when it ends", `
r, w = os.pipe()
in_child(lambda: (hold(me), os.write(w, b"x"), time.sleep(20), say("outlived it")))
os.read(r, 1)
os._exit(7)`, "", 7},
	{"an orphan that holds it when it is killed", `
r, w = os.pipe()
def holder():
    while os.getppid() != 1: time.sleep(0.01)
    hold(me), os.write(w, b"x"), time.sleep(20), say("outlived it")
in_child(lambda: in_child(holder))
os.read(r, 1)
os.kill(me, signal.SIGKILL)`, "", 128 + 9},
}

func TestTracedProgram(t *testing.T) {
	for _, test := range traced {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			c := Command(in(t.TempDir()), "/usr/bin/python3", "-c", tracing+test.script)
			c.Stdout, c.Stderr = &out, os.Stderr
			checkTraced(t, out.String, func() int { return ExitCode(c.Run()) }, test.says, test.status)
		})
	}
}

// With a terminal init looks for stops, and its caller is stopped with the
// program: neither is for a stop that is a tracer's.
func TestTracedProgramInATerminal(t *testing.T) {
	for _, test := range traced {
		if strings.Contains(test.name, "a stop, ") || strings.Contains(test.name, "stop of all") {
			continue // where no shell is, a caller continues what stops
		}
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			c := exec.Command(os.Args[0], "/usr/bin/python3", "-c", tracing+test.script)
			c.Env = append(os.Environ(), roleVariable+"=stopper")
			c.Stdout, c.Stderr = &out, os.Stderr
			// A session of the caller's own would have it ignore SIGTSTP.
			c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			checkTraced(t, out.String, func() int {
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				var status unix.WaitStatus
				if _, err := unix.Wait4(c.Process.Pid, &status, unix.WUNTRACED, nil); err != nil || status.Stopped() {
					t.Errorf("the caller was stopped: %v, %#x", err, status)
					c.Process.Kill()
				}
				c.Wait()
				return status.ExitStatus()
			}, test.says, test.status)
		})
	}
}

// checkTraced checks what a program says, how it ends, and that it does so at
// once.
func checkTraced(t *testing.T, out func() string, run func() int, says string, status int) {
	t.Helper()
	begun := time.Now()
	got := run()
	if said := strings.Join(strings.Fields(out()), " "); said != says || got != status {
		t.Errorf("status %d, says %q; want %d, %q", got, said, status, says)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// The control: a parent that only waits has made itself a tracer, whose child
// stays in its stop; and a process that somebody holds isn't seen to end.
func TestTracedProgramOutside(t *testing.T) {
	for name, want := range map[string]func(unix.WaitStatus, int) bool{
		"a signal that is caught":            func(s unix.WaitStatus, pid int) bool { return pid > 0 && s.Stopped() },
		"a program that it executes":         func(s unix.WaitStatus, pid int) bool { return pid > 0 && s.Stopped() },
		"a child that holds it when it ends": func(_ unix.WaitStatus, pid int) bool { return pid == 0 },
	} {
		for _, test := range traced {
			if test.name != name {
				continue
			}
			c := exec.Command("/usr/bin/python3", "-c", tracing+test.script)
			c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			var status unix.WaitStatus
			pid := 0
			patience := 30 * time.Second // an emulated machine takes seconds to start Python
			if want(0, 0) {
				patience = 2 * time.Second
			}
			for deadline := time.Now().Add(patience); pid == 0 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
				pid, _ = unix.Wait4(c.Process.Pid, &status, unix.WNOHANG|unix.WALL, nil)
			}
			if !want(status, pid) {
				t.Errorf("%s: a parent that waits sees %d, %#x: this shows nothing", name, pid, status)
			}
			unix.Kill(-c.Process.Pid, unix.SIGKILL)
			c.Wait()
		}
	}
}
