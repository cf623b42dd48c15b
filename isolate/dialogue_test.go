package isolate

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

// A talk is a dialogue whose other side the test speaks for.
type talk struct {
	*dialogue
	inside int
}

func newTalk(t *testing.T, hasTerminal bool) talk {
	t.Helper()
	ours, theirs, err := controlPair()
	if err != nil {
		t.Fatal(err)
	}
	d := &initProcess{setup: calls.New(), entry: calls.New()}
	for range 3 {
		d.setup.Do(calls.Note{}, unix.SYS_GETPID)
		d.entry.Do(calls.Note{}, unix.SYS_GETPID)
	}
	return talk{newDialogue(ours, d, hasTerminal), theirs}
}

func (k talk) end() {
	k.dialogue.close()
	unix.Close(k.inside)
}

// tells sends a message with descriptors and returns what the caller hears.
func (k talk) tells(t *testing.T, data []byte, fds ...int) (message, *os.File, error) {
	t.Helper()
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	if err := unix.Sendmsg(k.inside, data, oob, nil, 0); err != nil {
		t.Fatal(err)
	}
	k.socket.SetReadDeadline(time.Now().Add(5 * time.Second))
	return k.hear()
}

// The ways to where a dialogue can be, and the messages that can be true there.
var moments = []struct {
	name     string
	terminal bool
	asked    bool
	before   []message
	can      []messageKind
}{
	{"at the start", false, false, nil, []messageKind{setupFailed, entryFailed, execFailed, started}},
	{"at the start with a terminal", true, false, nil, []messageKind{opened, setupFailed}},
	{"with its terminal", true, false, []message{{kind: opened}}, []messageKind{entryFailed, execFailed, started}},
	{"when it runs", false, false, []message{{kind: started}}, []messageKind{ended}},
	{"when it runs and was asked", false, true, []message{{kind: started}}, []messageKind{ended, dialed}},
	{"when it has answered", false, true, []message{{kind: started}, {kind: dialed}}, []messageKind{ended}},
	{"when it runs in a terminal", true, false, []message{{kind: opened}, {kind: started}}, []messageKind{ended, stopped}},
	{"when it has stopped", true, false, []message{{kind: opened}, {kind: started}, {kind: stopped}}, []messageKind{ended, stopped}},
	{"when it has ended", true, true, []message{{kind: opened}, {kind: started}, {kind: ended}}, nil},
	{"when the set-up has failed", false, true, []message{{kind: setupFailed, value: 1}}, nil},
	{"when it wasn't executed", false, true, []message{{kind: execFailed, value: 1}}, nil},
}

// Whatever init sends at whatever time, the caller takes what can be true then
// and nothing else, doesn't panic or wait, and keeps no descriptor.
func TestEveryMessageInEveryStage(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd := descriptor(null)
	brings := map[messageKind]bool{opened: true, dialed: true}
	needsErrno := map[messageKind]bool{setupFailed: true, entryFailed: true, execFailed: true}
	reach := func(t *testing.T, i int) talk {
		k := newTalk(t, moments[i].terminal)
		k.asked.Store(moments[i].asked)
		for _, m := range moments[i].before {
			var fds []int
			if brings[m.kind] {
				fds = []int{fd}
			}
			_, file, err := k.tells(t, m.bytes(), fds...)
			if err != nil {
				t.Fatalf("on the way there, %+v: %v", m, err)
			}
			file.Close()
		}
		return k
	}
	open := countDescriptors(t)
	for i, moment := range moments {
		for kind := messageKind(0); kind < dial+3; kind++ {
			for _, fds := range [][]int{nil, {fd}, {fd, fd}} {
				for _, value := range []uint32{0, 1, 0x137f, 4096} {
					for _, index := range []uint32{0, 3} {
						k := reach(t, i)
						m := message{kind: kind, value: value, index: index, size: ^uint32(0)}
						_, file, err := k.tells(t, m.bytes(), fds...)
						file.Close()
						k.end()

						want := false
						for _, can := range moment.can {
							want = want || can == kind
						}
						steps := map[messageKind]uint32{setupFailed: 3, entryFailed: 3, execFailed: 1}
						switch {
						case needsErrno[kind]:
							want = want && value > 0 && value < 4096 && index < steps[kind] && fds == nil
						case kind == opened:
							want = want && len(fds) == 1
						case kind == dialed:
							want = want && len(fds) < 2
						case kind == ended:
							want = want && value&0x7f != 0x7f && fds == nil
						default:
							want = want && fds == nil
						}
						if (err == nil) != want || err != nil && !errors.Is(err, errUntrue) {
							t.Fatalf("%s: kind %d, value %#x, index %d, %d descriptors: %v", moment.name, kind, value, index, len(fds), err)
						}
					}
				}
			}
		}
		for _, size := range []int{1, 4, messageSize - 1, messageSize + 1, 4 * messageSize} {
			for kind := messageKind(0); kind < dial+3; kind++ {
				k := reach(t, i)
				m := message{kind: kind, value: 1}
				_, file, err := k.tells(t, append(m.bytes(), make([]byte, 4*messageSize)...)[:size], fd)
				if !errors.Is(err, errUntrue) || file != nil {
					t.Fatalf("%s: kind %d in %d bytes: %v", moment.name, kind, size, err)
				}
				k.end()
			}
		}
		k := reach(t, i)
		unix.Close(k.inside)
		if _, _, err := k.hear(); err != io.EOF {
			t.Errorf("%s: its end is %v", moment.name, err)
		}
		k.dialogue.close()
	}
	if now := countDescriptors(t); now > open {
		t.Errorf("%d descriptors before, %d after", open, now)
	}
}

func countDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// What a question is answered with comes to who asked, once, whatever else is
// said before and after.
func TestAnswers(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	open := countDescriptors(t)
	k := newTalk(t, false)
	start := message{kind: started}
	if _, _, err := k.tells(t, start.bytes()); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	listened := make(chan struct{})
	k.socket.SetReadDeadline(time.Time{})
	go func() {
		defer close(listened)
		for {
			m, socket, err := k.hear()
			if errors.Is(err, errUntrue) {
				continue
			}
			if err != nil {
				close(ended)
				return
			}
			k.answer(&m, socket)
		}
	}()
	rights := unix.UnixRights(descriptor(null))
	for i, test := range []struct {
		value  uint32
		rights []byte
		want   error
	}{
		{0, rights, nil}, {uint32(unix.ECONNREFUSED), nil, unix.ECONNREFUSED},
		{0, nil, unix.EBADMSG}, {uint32(unix.EPERM), rights, unix.EPERM}, {0, rights, nil},
	} {
		go func() {
			var question message
			unix.Read(k.inside, question.bytes())
			for range 3 {
				m := message{kind: dialed, value: test.value}
				unix.Sendmsg(k.inside, m.bytes(), test.rights, nil, 0)
			}
		}()
		file, err := k.ask(&message{kind: dial}, ended)
		if err != test.want || (file != nil) != (err == nil) {
			t.Errorf("question %d is answered with %v, %v; want %v", i, file, err, test.want)
		}
		file.Close()
	}
	unix.Close(k.inside)
	if _, err := k.ask(&message{kind: dial}, ended); err != unix.ECONNRESET {
		t.Errorf("after its end: %v", err)
	}
	<-listened
	k.dialogue.close()
	if now := countDescriptors(t); now > open {
		t.Errorf("%d descriptors before, %d after", open, now)
	}
}

// A signal for a sandbox that has ended doesn't go to the process that has its
// number now. Numbers are given out again at will in a PID namespace of the
// test's own.
func TestSignalAfterTheEnd(t *testing.T) {
	c := exec.Command("unshare", "--user", "--map-root-user", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc", selfPath(t))
	c.Env = append(os.Environ(), roleVariable+"=reuser")
	if out, err := c.CombinedOutput(); err != nil || string(out) != "pidfd spares it, kill hits it\n" {
		t.Errorf("%v, %s", err, out)
	}
}

// reuserRole lets a process have the number of an init that was waited for. A
// thread of its own may get there first: then it tries again.
func reuserRole([]string) int {
	var late *Cmd
	var stranger *exec.Cmd
	pid := 0
	for tries := 0; stranger == nil || stranger.Process.Pid != pid; tries++ {
		if tries == 50 {
			fmt.Println("the number was not given out again")
			return 1
		}
		c := Command(Policy{Dir: "/"}, "/bin/sleep", "60")
		if err := c.Start(); err != nil {
			fmt.Println(err)
			return 1
		}
		info, _ := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", descriptor(c.init)))
		fmt.Sscan(afterPid(info), &pid)
		handle, _ := unix.Dup(descriptor(c.init))
		// As between the wait for init and the moment that Signal knows of it.
		late = &Cmd{ended: make(chan struct{}), init: os.NewFile(uintptr(handle), "init")}
		c.Signal(unix.SIGKILL)
		c.Wait()

		stranger = exec.Command("/bin/sleep", "60")
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", fmt.Append(nil, pid-1), 0); err != nil {
			fmt.Println(err)
			return 1
		}
		if err := stranger.Start(); err != nil {
			fmt.Println(err)
			return 1
		}
		defer stranger.Process.Kill()
	}
	gone := make(chan error, 1)
	go func() { gone <- stranger.Wait() }()
	if err := late.Signal(unix.SIGKILL); err != unix.ESRCH {
		fmt.Print("sent: ", err, "; ")
	}
	select {
	case <-gone:
		fmt.Print("pidfd hits it, ")
	case <-time.After(100 * time.Millisecond):
		fmt.Print("pidfd spares it, ")
	}
	unix.Kill(pid, unix.SIGKILL) // the control
	select {
	case <-gone:
		fmt.Println("kill hits it")
	case <-time.After(5 * time.Second):
		fmt.Println("kill spares it")
	}
	return 0
}
