package rest

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// Pages of the program's file that were in memory are not, and come back.
func TestRelease(t *testing.T) {
	before := resident(t)
	release()
	after := resident(t)
	if after >= before*3/4 {
		t.Errorf("%d KiB of files in memory before, %d after", before, after)
	}
}

// resident returns how much of files this process has in memory, in KiB.
func resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	size, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return size
}
