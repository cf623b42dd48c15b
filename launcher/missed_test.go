package launcher

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// What a kernel looked for and wasn't shown is the last thing that the launcher says, and is
// in the report. Without the option nothing is said.
func TestMissed(t *testing.T) {
	outside := t.TempDir()
	file := filepath.Join(outside, "data.csv")
	if err := os.WriteFile(file, []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.json")
	run := func(options ...string) (lines []string) {
		k := startSession(t, setup{options: append(options, "--report", report)})
		k.ask("shell", "read "+file)
		k.ask("shell", "exit 3")
		if status, _ := k.wait(); status != 3 {
			t.Errorf("status %d", status)
		}
		for line := k.line(); line != ""; line = k.line() {
			lines = append(lines, line)
		}
		return lines
	}

	lines := run("--missed")
	want := "isolate-kernel: looked for and not shown: " + file + "; isolate-kernelspec update TWIN --mount ro:" + outside + " shows it"
	if last := lines[len(lines)-1]; last != want || len(lines) != 2 {
		t.Errorf("it says %q, want %q at the end", lines, want)
	}
	var got struct {
		Status int
		Missed struct {
			Groups []struct{ Entry string }
		}
	}
	text, _ := os.ReadFile(report)
	if err := json.Unmarshal(text, &got); err != nil || got.Status != 3 || len(got.Missed.Groups) != 1 || got.Missed.Groups[0].Entry != "ro:"+outside {
		t.Errorf("%v: %s", err, text)
	}

	if lines := run("--missed", "--mount", "ro:"+outside); len(lines) != 1 {
		t.Errorf("with the entry it says %q", lines)
	}
	if lines := run(); len(lines) != 1 {
		t.Errorf("without the option it says %q", lines)
	}
}
