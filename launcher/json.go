package launcher

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A member is one name and its value in a JSON object.
type member struct {
	name       string
	start, end int // of the value in the text
}

// parseObject reads a JSON text (RFC 8259) that is one object, and returns its
// members in the order of the text. Values are checked, not decoded: a caller
// that needs one looks at its text. encoding/json would do, but loading it takes a
// quarter of a millisecond of every kernel's start.
func parseObject(text []byte) ([]member, error) {
	s := &scanner{text: text}
	var members []member
	s.space()
	err := s.object(0, func(m member) { members = append(members, m) })
	if err == nil {
		if s.space(); s.at != len(text) {
			err = errors.New("more than one value")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w at byte %d", err, s.at)
	}
	return members, nil
}

// A scanner goes through a JSON text. After an error, at is where it is.
type scanner struct {
	text []byte
	at   int
}

var errSyntax = errors.New("a syntax error")

// maxDepth is how deep arrays and objects may nest, as in encoding/json.
const maxDepth = 10000

// next returns the next byte, or 0 at the end.
func (s *scanner) next() byte {
	if s.at == len(s.text) {
		return 0
	}
	return s.text[s.at]
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// take steps over b and returns true if b is the next byte.
func (s *scanner) take(b byte) bool {
	if s.next() != b || b == 0 {
		return false
	}
	s.at++
	return true
}

func (s *scanner) value(depth int) error {
	switch c := s.next(); {
	case c == '{':
		return s.object(depth, func(member) {})
	case c == '[':
		return s.array(depth)
	case c == '"':
		return s.quoted()
	case c == '-' || digit(c):
		return s.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if len(s.text)-s.at >= len(word) && string(s.text[s.at:s.at+len(word)]) == word {
			s.at += len(word)
			return nil
		}
	}
	return errSyntax
}

func (s *scanner) object(depth int, found func(member)) error {
	if depth >= maxDepth || !s.take('{') {
		return errSyntax
	}
	if s.space(); s.take('}') {
		return nil
	}

	for {
		s.space()
		start := s.at
		if err := s.quoted(); err != nil {
			return err
		}
		m := member{name: unquote(s.text[start:s.at])}
		if s.space(); !s.take(':') {
			return errSyntax
		}
		s.space()
		m.start = s.at
		if err := s.value(depth + 1); err != nil {
			return err
		}
		m.end = s.at
		found(m)
		if s.space(); s.take('}') {
			return nil
		}
		if !s.take(',') {
			return errSyntax
		}
	}
}

func (s *scanner) array(depth int) error {
	if depth >= maxDepth || !s.take('[') {
		return errSyntax
	}
	if s.space(); s.take(']') {
		return nil
	}
	for {
		s.space()
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if s.space(); s.take(']') {
			return nil
		}
		if !s.take(',') {
			return errSyntax
		}
	}
}

// quoted steps over one string.
func (s *scanner) quoted() error {
	if !s.take('"') {
		return errSyntax
	}

	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case c < ' ':
			return errSyntax
		case c == '"':
			s.at++
			return nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		default:
			s.at++
		}
	}

	return errSyntax
}

func (s *scanner) escape() error {
	s.at++
	c := s.next()
	s.at = min(s.at+1, len(s.text))
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		for range 4 {
			if !hexDigit(s.next()) {
				return errSyntax
			}
			s.at++
		}
		return nil
	}
	return errSyntax
}

func (s *scanner) number() error {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return errSyntax
	}
	if s.take('.') && !s.digits() {
		return errSyntax
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return errSyntax
		}
	}
	return nil
}

// digits steps over digits, and returns false if there are none.
func (s *scanner) digits() bool {
	start := s.at
	for digit(s.next()) {
		s.at++
	}
	return s.at > start
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func hexDigit(c byte) bool { return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// unquote returns the string that a JSON string of valid syntax stands for. What
// isn't valid Unicode becomes U+FFFD.
func unquote(quoted []byte) string {
	var out []byte
	for in := quoted[1 : len(quoted)-1]; len(in) > 0; {
		if in[0] != '\\' {
			r, size := utf8.DecodeRune(in)
			out = utf8.AppendRune(out, r)
			in = in[size:]
			continue
		}
		c := in[1]
		in = in[2:]
		switch c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := codeUnit(in)
			in = in[4:]
			if utf16.IsSurrogate(r) && len(in) >= 6 && in[0] == '\\' && in[1] == 'u' {
				if pair := utf16.DecodeRune(r, codeUnit(in[2:])); pair != utf8.RuneError {
					r, in = pair, in[6:]
				}
			}
			out = utf8.AppendRune(out, r) // a lone surrogate becomes U+FFFD
		default:
			out = append(out, c)
		}
	}

	return string(out)
}

// codeUnit reads the four digits of a \u escape.
func codeUnit(b []byte) rune {
	n, _ := strconv.ParseUint(string(b[:4]), 16, 16) // they were checked
	return rune(n)
}
