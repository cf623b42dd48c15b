package forward

import (
	"os"
	"os/signal"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/initproc"
)

// Without an init, what came meanwhile and what comes later goes where it went before.
func TestGiveBack(t *testing.T) {
	heard := make(chan os.Signal, 2)
	signal.Notify(heard, unix.SIGWINCH)
	defer signal.Stop(heard)
	want := func(when string) {
		t.Helper()
		select {
		case <-heard:
		case <-time.After(10 * time.Second):
			t.Fatalf("the signal that comes %s is lost", when)
		}
	}

	atomic.StoreInt64(&socket, -1)
	var c Caught
	c.Catch([]unix.Signal{unix.SIGWINCH})
	unix.Kill(unix.Getpid(), unix.SIGWINCH)
	for atomic.LoadUint64(&pending) == 0 {
		time.Sleep(time.Millisecond) // another thread has it
	}
	c.GiveBack()
	want("meanwhile")
	unix.Kill(unix.Getpid(), unix.SIGWINCH)
	want("later")
}

// A signal that comes before there is an init is kept, a later one is sent at once,
// and each once.
func TestSignals(t *testing.T) {
	ours, theirs, err := initproc.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(theirs)
	new(Caught).Catch([]unix.Signal{unix.SIGUSR1, unix.SIGUSR2})
	send := func(sig unix.Signal) {
		t.Helper()
		if err := unix.Kill(unix.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
		for pending == 0 && socket < 0 {
			time.Sleep(time.Millisecond) // another thread has it
		}
	}
	want := func(sig unix.Signal) {
		t.Helper()
		var m initproc.Message
		if _, err := initproc.Receive(theirs, &m, 0); err != nil || m.Kind != initproc.SendSignal || unix.Signal(m.Value) != sig {
			t.Fatalf("%+v, %v, want signal %v", m, err, sig)
		}
	}

	send(unix.SIGUSR1)
	if err := To(ours); err != nil {
		t.Fatal(err)
	}
	unix.Close(ours)
	want(unix.SIGUSR1)
	for range 3 {
		send(unix.SIGUSR2)
		want(unix.SIGUSR2)
	}

	var m initproc.Message
	unix.SetNonblock(theirs, true)
	if _, err := initproc.Receive(theirs, &m, 0); err != unix.EAGAIN {
		t.Errorf("one more message: %+v, %v", m, err)
	}
}
