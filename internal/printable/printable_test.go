package printable

import "testing"

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"Übung 1/naïve\tx\n":            "Übung 1/naïve\tx\n",
		"\x1b]0;title\a":                `\x1b]0;title\x07`,
		"one\rtwo\x7f":                  `one\x0dtwo\x7f`,
		"C1 \u009b2J":                   `C1 \xc2\x9b2J`,
		"Latin \xfcbung":                `Latin \xfcbung`,
		"no character \ufffd of a text": `no character \xef\xbf\xbd of a text`,
	} {
		if got := Text(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
