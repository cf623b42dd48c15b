package errorkernel

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a person reads is in testdata, as it looks.
func TestReasons(t *testing.T) {
	for file, reason := range map[string]Reason{
		"sandbox.txt":  NoSandbox("mount /srv/course: no such file or directory", "remove it from the mounts, or write try: before it"),
		"noremedy.txt": NoSandbox("clone: operation not permitted", ""),
		"killed.txt":   Killed("the memory limit of 512M (--memory)"),
		"hostile.txt":  NoSandbox("mount /\x1b[2Ja\nb\u009bc: no such file or directory", "look at \x07 the name"),
	} {
		want, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), reason.plain()+"\n"); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}
