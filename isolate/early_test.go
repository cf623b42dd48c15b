package isolate

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What doesn't fit into the memory that an early init shares goes to one that is forked
// later.
func TestMoreThanAnEarlyInitTakes(t *testing.T) {
	p := Policy{Dir: "/", Env: []string{"PATH=/usr/bin"}}
	for i := range 12 {
		p.Env = append(p.Env, fmt.Sprintf("V%d=%s", i, strings.Repeat("x", 100_000)))
	}
	if out, err := sh(t, p, "env | wc -c"); err != nil || len(out) != len("1200000\n") {
		t.Errorf("%q, %v", out, err)
	}
}

// An init that has begun ends when the policy turns out to be wrong.
func TestWrongPolicyLeavesNoInit(t *testing.T) {
	err := Command(Policy{Mounts: []Mount{ReadOnly("/nonexistent")}}, "true").Run()
	var setup *SetupError
	if !errors.As(err, &setup) || setup.Kind != KindMissing {
		t.Errorf("%v", err)
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WALL, nil); err != unix.ECHILD {
		t.Errorf("child %d, %v", pid, err)
	}
}

// An early init ends when its caller has, even if nothing kills it: it may not have been
// bound to its caller yet. Another one, of a sandbox that begins at the same moment, has
// nothing of it: not what would keep it waiting, and not its lists.
func TestEarlyInitHearsTheEnd(t *testing.T) {
	var begun [2]*early
	for i := range begun {
		c := Command(Policy{Dir: "/"}, "true")
		policy, err := c.Policy.complete()
		if err != nil {
			t.Fatal(err)
		}
		if c.limiter, err = newLimiter(&policy); err != nil {
			t.Fatal(err)
		}
		e := c.beginEarly(&policy, [3]int{ofNull, ofNull, ofNull})
		defer e.abandon()
		defer e.mounts.close()
		begun[i] = e
	}

	handle, err := unix.Dup(begun[1].pidfd)
	if err != nil {
		t.Fatal(err)
	}
	second := &Cmd{init: os.NewFile(uintptr(handle), "init")}
	defer second.init.Close()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pidOf(t, second)))
	if shared := strings.Count(string(maps), " rw-s "); err != nil || shared != 1 {
		t.Errorf("%v: it shares %d parts of its memory, and not only its own lists", err, shared)
	}

	e := begun[0]
	unix.Close(e.ours)
	e.ours = -1
	defer close(e.gone)
	ended := []unix.PollFd{{Fd: int32(e.pidfd), Events: unix.POLLIN}}
	if n, err := unix.Poll(ended, 20_000); n != 1 || err != nil {
		t.Errorf("it waits: %d, %v", n, err)
	}
}
