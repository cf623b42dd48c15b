package isolate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
	"isolate-namespace/isolate/internal/descriptor"
	"isolate-namespace/isolate/internal/initproc"
)

// A talk is a dialogue whose other side the test speaks for.
type talk struct {
	*dialogue
	inside int
}

func newTalk(t *testing.T, terminals int, hasListener bool) talk {
	t.Helper()
	ours, theirs, err := initproc.Pair()
	if err != nil {
		t.Fatal(err)
	}
	d := &initproc.Process{Setup: calls.New(), Entry: calls.New(), Listener: calls.NoSlot}
	if hasListener {
		d.Listener = 0
	}
	for range 3 {
		d.Setup.Do(calls.Note{}, unix.SYS_GETPID)
		d.Entry.Do(calls.Note{}, unix.SYS_GETPID)
	}
	return talk{newDialogue(ours, d, terminals, nil), theirs}
}

func (k talk) end() {
	k.dialogue.close()
	unix.Close(k.inside)
}

// tells sends a message with descriptors and returns what the caller hears.
func (k talk) tells(t *testing.T, data []byte, fds ...int) (initproc.Message, []int, error) {
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
	name      string
	terminals int
	asked     bool
	listener  bool
	before    []initproc.Message
	can       []initproc.Kind
}{
	{"at the start", 0, false, false, nil, []initproc.Kind{initproc.SetupFailed, initproc.EntryFailed, initproc.ExecFailed, initproc.Started}},
	{"at the start with a terminal", 1, false, false, nil, []initproc.Kind{initproc.Opened, initproc.SetupFailed}},
	{"with its terminal", 1, false, false, []initproc.Message{{Kind: initproc.Opened}}, []initproc.Kind{initproc.EntryFailed, initproc.ExecFailed, initproc.Started}},
	{"with the first of two terminals", 2, false, false, []initproc.Message{{Kind: initproc.Opened}}, []initproc.Kind{initproc.Opened}},
	{"with both terminals", 2, false, false, []initproc.Message{{Kind: initproc.Opened}, {Kind: initproc.Opened}}, []initproc.Kind{initproc.EntryFailed, initproc.ExecFailed, initproc.Started}},
	{"when it runs", 0, false, false, []initproc.Message{{Kind: initproc.Started}}, []initproc.Kind{initproc.Ended}},
	{"when it runs and was asked", 0, true, false, []initproc.Message{{Kind: initproc.Started}}, []initproc.Kind{initproc.Ended, initproc.Dialed}},
	{"when it has answered", 0, true, false, []initproc.Message{{Kind: initproc.Started}, {Kind: initproc.Dialed}}, []initproc.Kind{initproc.Ended}},
	{"when it runs in a terminal", 1, false, false, []initproc.Message{{Kind: initproc.Opened}, {Kind: initproc.Started}}, []initproc.Kind{initproc.Ended, initproc.Stopped}},
	{"when it has stopped", 1, false, false, []initproc.Message{{Kind: initproc.Opened}, {Kind: initproc.Started}, {Kind: initproc.Stopped}}, []initproc.Kind{initproc.Ended, initproc.Stopped}},
	{"when it has ended", 1, true, false, []initproc.Message{{Kind: initproc.Opened}, {Kind: initproc.Started}, {Kind: initproc.Ended}}, nil},
	{"when the set-up has failed", 0, true, false, []initproc.Message{{Kind: initproc.SetupFailed, Value: 1}}, nil},
	{"when it wasn't executed", 0, true, false, []initproc.Message{{Kind: initproc.ExecFailed, Value: 1}}, nil},
	{"at the start with a listener", 0, false, true, nil, []initproc.Kind{initproc.SetupFailed, initproc.EntryFailed, initproc.Listening}},
	{"with a terminal and without its listener", 1, false, true, []initproc.Message{{Kind: initproc.Opened}}, []initproc.Kind{initproc.EntryFailed, initproc.Listening}},
	{"with its listener", 0, false, true, []initproc.Message{{Kind: initproc.Listening}}, []initproc.Kind{initproc.ExecFailed, initproc.Started}},
	{"when it runs with a listener", 0, false, true, []initproc.Message{{Kind: initproc.Listening}, {Kind: initproc.Started}}, []initproc.Kind{initproc.Ended}},
}

// Whatever init sends at whatever time, the caller takes what can be true then
// and nothing else, doesn't panic or wait, and keeps no descriptor.
func TestEveryMessageInEveryStage(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()

	fd := descriptor.Of(null)
	brings := map[initproc.Kind]int{initproc.Opened: 1, initproc.Dialed: 1, initproc.Listening: 1}
	needsErrno := map[initproc.Kind]bool{initproc.SetupFailed: true, initproc.EntryFailed: true, initproc.ExecFailed: true}
	reach := func(t *testing.T, i int) talk {
		k := newTalk(t, moments[i].terminals, moments[i].listener)
		k.asked.Store(moments[i].asked)
		for _, m := range moments[i].before {
			_, files, err := k.tells(t, m.Bytes(), slices.Repeat([]int{fd}, brings[m.Kind])...)
			if err != nil {
				t.Fatalf("on the way there, %+v: %v", m, err)
			}
			closeAll(files)
		}
		return k
	}
	open := countDescriptors(t)

	for i, moment := range moments {
		for kind := initproc.Kind(0); kind < initproc.Foreground+3; kind++ {
			for _, fds := range [][]int{nil, {fd}, {fd, fd}, {fd, fd, fd}} {
				for _, value := range []uint32{0, 1, 0x137f, 4096} {
					for _, index := range []uint32{0, 3} {
						k := reach(t, i)
						m := initproc.Message{Kind: kind, Value: value, Index: index, Size: ^uint32(0)}
						_, files, err := k.tells(t, m.Bytes(), fds...)
						closeAll(files)
						k.end()

						want := false
						for _, can := range moment.can {
							want = want || can == kind
						}
						steps := map[initproc.Kind]uint32{initproc.SetupFailed: 3, initproc.EntryFailed: 3, initproc.ExecFailed: 1}
						switch {
						case needsErrno[kind]:
							want = want && value > 0 && value < 4096 && index < steps[kind] && fds == nil
						case kind == initproc.Opened, kind == initproc.Listening:
							want = want && len(fds) == 1
						case kind == initproc.Dialed:
							want = want && len(fds) < 2
						case kind == initproc.Ended:
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
		for _, size := range []int{1, 4, len((&initproc.Message{}).Bytes()) - 1, len((&initproc.Message{}).Bytes()) + 1, 4 * len((&initproc.Message{}).Bytes())} {
			for kind := initproc.Kind(0); kind < initproc.Foreground+3; kind++ {
				k := reach(t, i)
				m := initproc.Message{Kind: kind, Value: 1}
				_, files, err := k.tells(t, append(m.Bytes(), make([]byte, 4*len((&initproc.Message{}).Bytes()))...)[:size], fd)
				if !errors.Is(err, errUntrue) || files != nil {
					t.Fatalf("%s: kind %d in %d bytes: %v", moment.name, kind, size, err)
				}
				k.end()
			}
		}
		k := reach(t, i)
		unix.Close(k.inside)
		if _, _, err := k.hear(); err != unix.ECONNRESET {
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
	k := newTalk(t, 0, false)
	start := initproc.Message{Kind: initproc.Started}
	if _, _, err := k.tells(t, start.Bytes()); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	listened, heard := make(chan struct{}), make(chan struct{}, 16)
	k.socket.SetReadDeadline(time.Time{})

	go func() {
		defer close(listened)
		for {
			m, fds, err := k.hear()
			if err != nil && !errors.Is(err, errUntrue) {
				close(ended)
				return
			}
			if err == nil {
				k.answer(&m, fds)
			}
			heard <- struct{}{}
		}
	}()

	rights := unix.UnixRights(descriptor.Of(null))
	for i, test := range []struct {
		value  uint32
		rights []byte
		want   error
	}{
		{0, rights, nil}, {uint32(unix.ECONNREFUSED), nil, unix.ECONNREFUSED},
		{0, nil, unix.EBADMSG}, {uint32(unix.EPERM), rights, unix.EPERM}, {0, rights, nil},
	} {
		answer := func() {
			m := initproc.Message{Kind: initproc.Dialed, Value: test.value}
			unix.Sendmsg(k.inside, m.Bytes(), test.rights, nil, 0)
		}
		go func() {
			var question initproc.Message
			unix.Read(k.inside, question.Bytes())
			answer()
		}()
		file, err := k.ask(&initproc.Message{Kind: initproc.Dial}, ended)
		if err != test.want || (file != nil) != (err == nil) {
			t.Errorf("question %d is answered with %v, %v; want %v", i, file, err, test.want)
		}
		file.Close()
		answer() // nobody has asked
		<-heard
		<-heard
	}

	unix.Close(k.inside)
	if _, err := k.ask(&initproc.Message{Kind: initproc.Dial}, ended); err != unix.ECONNRESET {
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
		info, _ := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", descriptor.Of(c.init)))
		fmt.Sscan(afterPid(info), &pid)
		handle, _ := unix.Dup(descriptor.Of(c.init))
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
