package launcher

import (
	"strings"
	"testing"
)

func TestReadEnding(t *testing.T) {
	want := Ending{"/run/kernel-1.json", "125", "", "{\"msg_id\":\"a\nb\x00\xff\"}", "mount /srv/\u202e: no such file", ""}
	var text strings.Builder
	writeEnding(&text, &want)
	got, err := ReadEnding(strings.NewReader(text.String()))
	if err != nil || *got != want {
		t.Errorf("%q becomes %q, %v", want, got, err)
	}
	for _, wrong := range []string{"", "\"a\"\n", text.String() + "\"\"\n", strings.Replace(text.String(), `"`, "'", 2)} {
		if got, err := ReadEnding(strings.NewReader(wrong)); err == nil {
			t.Errorf("%q is read as %q", wrong, got)
		}
	}
}
