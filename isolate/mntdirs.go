package isolate

import (
	"fmt"
	"path/filepath"
	"strings"
)

// ParseMounts reads the mount syntax of MNTDIRS, MNTDIRS_BASE and --mount:
// entries separated by white space, each
//
//	[PREFIX[,PREFIX...]:]PATH            show PATH at its own place
//	[PREFIX[,PREFIX...]:]TARGET=SOURCE   show SOURCE at TARGET
//	TARGET=none                          cover TARGET by something empty
//
// The prefixes are ro (read-only), try (skip where it does not exist), cow
// (changes stay in the sandbox) and rbind, which is how every mount works and is
// accepted because isolate.sh had it. A backslash escapes the next character: "\ " is
// a space in a path, "\=" an equals sign. A leading ~ is home; a relative path
// begins at dir.
//
// The paths are made absolute and clean; they needn't exist.
func ParseMounts(s, dir, home string) ([]Mount, error) {
	var mounts []Mount
	for _, entry := range SplitEntries(s) {
		m, err := parseEntry(entry, dir, home)
		if err != nil {
			return nil, &SetupError{
				Doing: "read mount entry",
				Path:  fmt.Sprintf("%d %q", len(mounts)+1, entry),
				Err:   err,
				Kind:  KindEntry,
			}
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

// FormatMounts writes mounts as ParseMounts reads them. A Private mount has no
// entry and is left out.
func FormatMounts(mounts []Mount) string {
	escape := strings.NewReplacer(`\`, `\\`, " ", `\ `, "\t", "\\\t", "\n", "\\\n", "=", `\=`)
	var entries []string
	for _, m := range mounts {
		entry := escape.Replace(m.Source)
		var words []string
		switch m.Access {
		case AccessReadOnly:
			words = append(words, "ro")
		case AccessCopyOnWrite:
			words = append(words, "cow")
		case AccessMasked:
			entry = "none"
		case AccessPrivate:
			continue
		}

		if m.Optional {
			words = append(words, "try")
		}
		if m.Target != "" && m.Target != m.Source {
			entry = escape.Replace(m.Target) + "=" + entry
		}
		if words != nil {
			entry = strings.Join(words, ",") + ":" + entry
		}
		entries = append(entries, entry)
	}

	return strings.Join(entries, " ")
}

// SplitEntries cuts the text of ParseMounts into its entries, at white space
// that no backslash precedes. Escapes stay in them.
func SplitEntries(s string) []string {
	var entries []string
	var entry strings.Builder
	escaped := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !escaped && (c == ' ' || c == '\t' || c == '\n') {
			if entry.Len() > 0 {
				entries = append(entries, entry.String())
				entry.Reset()
			}
			continue
		}
		escaped = !escaped && c == '\\'
		entry.WriteByte(c)
	}
	if entry.Len() > 0 {
		entries = append(entries, entry.String())
	}
	return entries
}

func parseEntry(entry, dir, home string) (Mount, error) {
	m := Mount{Access: AccessWritable}
	rest, err := parsePrefixes(entry, &m)
	if err != nil {
		return m, err
	}
	target, source, two := cutUnescaped(rest, '=')
	if m.Target, err = absolute(target, dir, home); err != nil {
		return m, err
	}

	switch {
	case two && source == "none":
		if m.Access != AccessWritable {
			return m, fmt.Errorf("nothing can't be both shown and hidden")
		}
		m.Access = AccessMasked
	case two:
		m.Source, err = absolute(source, dir, home)
	default:
		m.Source = m.Target
	}

	return m, err
}

// parsePrefixes sets what the words before a colon say and returns the rest.
// A path with a colon in it begins with "/", "." or "~".
func parsePrefixes(entry string, m *Mount) (rest string, err error) {
	words, rest, found := strings.Cut(entry, ":")
	if !found || words == "" || strings.ContainsAny(words, "/.~=\\") {
		return entry, nil
	}
	for word := range strings.SplitSeq(words, ",") {
		switch word {
		case "ro":
			m.Access = AccessReadOnly
		case "cow":
			m.Access = AccessCopyOnWrite
		case "try":
			m.Optional = true
		case "rbind":
		default:
			return "", fmt.Errorf("unknown prefix %q", word)
		}
	}
	return rest, nil
}

// cutUnescaped cuts around the first sep that no backslash precedes.
func cutUnescaped(s string, sep byte) (before, after string, found bool) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func absolute(path, dir, home string) (string, error) {
	home, dir = filepath.Clean(home), filepath.Clean(dir)
	tilde := path == "~" || strings.HasPrefix(path, "~/")
	path = unescape(path)
	switch {
	case path == "":
		return "", fmt.Errorf("empty path")
	case strings.ContainsRune(path, 0):
		return "", fmt.Errorf("a path can't hold a NUL byte")
	case tilde && !filepath.IsAbs(home):
		return "", fmt.Errorf("~ without a home directory")
	case tilde:
		return filepath.Join(home, path[1:]), nil
	case !filepath.IsAbs(path):
		return filepath.Join(dir, path), nil
	}
	return filepath.Clean(path), nil
}

func unescape(s string) string {
	if !strings.ContainsRune(s, '\\') {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
