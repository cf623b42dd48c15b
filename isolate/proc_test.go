package isolate

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// All that lies in /proc beyond processes and what programs read is covered,
// whatever this kernel has there; the control is what isn't.
func TestProcIsMasked(t *testing.T) {
	out, err := sh(t, in(t.TempDir()), `cat /proc/self/mountinfo; for f in /proc/[!0-9]*; do [ -L $f ] || echo has $f; done`)
	if err != nil {
		t.Fatal(err)
	}

	covered, masked := map[string]bool{}, 0
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		if words[0] != "has" {
			covered[words[4]] = !strings.Contains(line, " - proc ")
			continue
		}
		name := strings.TrimPrefix(words[1], "/proc/")
		switch {
		case covered[words[1]] == shownProc[name]:
			t.Errorf("/proc/%s: covered: %v", name, covered[words[1]])
		case covered[words[1]]:
			masked++
		}
	}

	if masked < 10 {
		t.Errorf("only %d masks in\n%s", masked, out)
	}
}

func TestMaskedProc(t *testing.T) {
	masked, err := maskedProc()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range masked {
		info, err := os.Lstat("/proc/" + e.name)
		if err != nil || info.Mode()&os.ModeSymlink != 0 || info.IsDir() != (e.kind == unix.DT_DIR) || shownProc[e.name] {
			t.Errorf("%v is masked: %v, %v", e, info, err)
		}
		names = append(names, e.name)
	}
	for _, name := range []string{"interrupts", "kallsyms", "key-users", "consoles"} {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+name+" ") {
			t.Errorf("%s isn't masked", name)
		}
	}
}
