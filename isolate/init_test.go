package isolate

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// Init lets go of what its caller has in memory.
func TestInitIsSmall(t *testing.T) {
	if raceDetector {
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
		size := residentSize(t, cmd.pid)
		if size < 1<<20 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("init has %d bytes in memory, of a caller that has more than %d", size, large)
		}
	}
}

// residentSize is what a process has in memory, in bytes.
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
