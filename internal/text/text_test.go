package text

import (
	"os/exec"
	"testing"
)

// A shell gives each word back as it was.
func TestQuote(t *testing.T) {
	for _, word := range []string{"", "plain", "/a/b.c", "two words", "it's", `"$HOME"`, "a\nb", "*", "~", "--x=y z", "é", "#", "!"} {
		out, err := exec.Command("/bin/sh", "-c", "printf %s "+Quote(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q: quoted %s, read as %q, %v", word, Quote(word), out, err)
		}
	}
}

func TestLastLine(t *testing.T) {
	for text, want := range map[string]string{"": "", "a": "a", "a\nb": "b", "a\nb\n\n": "b", "\n": "", "a\r\nb\r\n": "b"} {
		if got := LastLine(text); got != want {
			t.Errorf("LastLine(%q) = %q, want %q", text, got, want)
		}
	}
}
