// Package text writes and reads lines for people.
package text

import (
	"regexp"
	"strings"
)

var plainWord = regexp.MustCompile(`^[\w./:=,@%+-]+$`)

// Quote returns a word as a shell reads it.
func Quote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// LastLine returns the last line of text that isn't empty.
func LastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
