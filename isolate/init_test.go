package isolate

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"isolate-namespace/isolate/internal/descriptor"
	"isolate-namespace/isolate/internal/initproc"
)

// Init lets go of what its caller has in memory.
func TestInitIsSmall(t *testing.T) {
	if initproc.RaceDetector {
		t.Skip("the race detector keeps it")
	}
	const large = 64 << 20
	ballast := make([]byte, large)
	for i := range ballast {
		ballast[i] = 1
	}

	cmd := Command(Policy{Dir: "/"}, "/bin/sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(ballast)
	defer cmd.Wait()
	defer cmd.Signal(9)

	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		size := residentSize(t, pidOf(t, cmd))
		if size < 1<<20 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("init has %d bytes in memory, of a caller that has more than %d", size, large)
		}
	}
}

// pidOf returns the number of init's process.
func pidOf(t *testing.T, c *Cmd) (pid int) {
	t.Helper()
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", descriptor.Of(c.init)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(afterPid(info), &pid); err != nil || pid <= 0 {
		t.Fatalf("%v in %q", err, info)
	}
	return pid
}

// afterPid returns what follows the name of the number in the information on a
// pidfd.
func afterPid(info []byte) string {
	_, rest, _ := strings.Cut(string(info), "\nPid:")
	return rest
}

// residentSize returns what a process has in memory, in bytes.
func residentSize(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var total, resident int
	if _, err := fmt.Sscan(string(text), &total, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}
