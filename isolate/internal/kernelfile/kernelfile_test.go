package kernelfile

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	stat, none := filepath.Join(dir, "stat"), filepath.Join(dir, "none")
	os.WriteFile(stat, []byte("usage_usec 12\nuser_usec 7\n"), 0o644)
	number := filepath.Join(dir, "number")
	os.WriteFile(number, []byte("max\n"), 0o644)
	if n := Number(number); n != 0 {
		t.Errorf("max is %d", n)
	}
	if err := Write(number, "9223372036854771712\n"); err != nil || Number(number) != 9223372036854771712 {
		t.Errorf("%d, %v", Number(number), err)
	}

	if got := Words(stat); !slices.Equal(got, []string{"usage_usec", "12", "user_usec", "7"}) {
		t.Errorf("words %q", got)
	}
	if Field(stat, "user_usec") != 7 || Field(stat, "usec") != 0 || Field(none, "user_usec") != 0 || Number(none) != 0 {
		t.Error("fields")
	}
	if got := Peek(stat, make([]byte, 10)); string(got) != "usage_usec" {
		t.Errorf("peek %q", got)
	}
	if err := Write(none, "1"); !os.IsNotExist(err) {
		t.Errorf("a file that isn't there: %v", err)
	}
}
