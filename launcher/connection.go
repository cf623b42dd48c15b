package launcher

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// A connectionFile says where a kernel is to listen, and with which key messages
// are signed. Only what the launcher needs is decoded; the rest goes to the kernel
// unchanged.
type connectionFile struct {
	word  string // what the kernel's command has
	path  string // the same, clean
	text  []byte
	ipc   bool           // else tcp
	ip    string         // where clients connect to; for ipc the beginning of the sockets' paths
	ports map[string]int // by channel name
	ips   []member       // every "ip" in the text
}

// channels in the order in which a client needs them.
var channels = []string{"shell", "iopub", "stdin", "control", "hb"}

// maxFileSize is far more bytes than any connection file has.
const maxFileSize = 1 << 20

// findConnectionFile finds and reads the connection file that a kernel's
// command names: the first argument, or part of one after an equals sign, that
// is the absolute path of a file with a kernel's ports; else the first such word
// of a script for a shell. A relative path does not count: the working directory
// may hold files of any name and content that somebody else wrote.
func findConnectionFile(argv []string) (*connectionFile, error) {
	var expected error // why a file that looks like one isn't
	for _, path := range append(absolutePaths(argv), wordsOfScripts(argv)...) {
		c, err := readConnectionFile(path)
		var other *notConnectionFile
		if !errors.As(err, &other) {
			return c, err
		}
		if expected == nil && strings.HasSuffix(path, ".json") {
			expected = unusable(path, other)
		}
	}
	if expected == nil {
		expected = &isolate.SetupError{
			Doing: "find the connection file",
			Err:   errors.New("no argument of the kernel's is the absolute path of one"),
			Kind:  remedy.KindNoConnectionFile,
		}
	}
	return nil, expected
}

// moveTo returns the kernel's command with another path of the connection file.
func (c *connectionFile) moveTo(path string, argv []string) []string {
	if path == c.path {
		return argv
	}
	moved := slices.Clone(argv)
	for i := range moved[1:] {
		moved[1+i] = strings.ReplaceAll(moved[1+i], c.word, path)
	}
	return moved
}

// absolutePaths returns the ones in argv that a placeholder may have stood for.
func absolutePaths(argv []string) []string {
	var paths []string
	for _, arg := range argv {
		for more := true; more; _, arg, more = strings.Cut(arg, "=") {
			if strings.HasPrefix(arg, "/") {
				paths = append(paths, arg)
			}
		}
	}
	return paths
}

// wordsOfScripts returns the absolute paths that look like a connection file's among
// the words of arguments, as in bash -c 'exec python3 -f {connection_file}'. In
// quotes a word may have spaces in it.
func wordsOfScripts(argv []string) []string {
	var paths []string
	for _, arg := range argv {
		for _, ends := range []string{`"'`, " \t\n\"'=;&|()<>"} {
			for _, word := range strings.FieldsFunc(arg, func(r rune) bool { return strings.ContainsRune(ends, r) }) {
				if word != arg && strings.HasPrefix(word, "/") && strings.HasSuffix(word, ".json") {
					paths = append(paths, word)
				}
			}
		}
	}
	return paths
}

// A notConnectionFile says why a file was not even meant to be one.
type notConnectionFile struct{ reason string }

func (e *notConnectionFile) Error() string { return e.reason }

func readConnectionFile(path string) (*connectionFile, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, &notConnectionFile{"no such file"}
	case err == nil && !info.Mode().IsRegular():
		return nil, &notConnectionFile{"not a regular file"}
	case err == nil && info.Size() > maxFileSize:
		return nil, &notConnectionFile{"too large"}
	}

	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		var errno unix.Errno
		errors.As(err, &errno)
		return nil, &notConnectionFile{errno.Error()}
	}

	c, err := parseConnectionFile(text)
	var other *notConnectionFile
	switch {
	case errors.As(err, &other):
		return nil, err
	case err != nil:
		return nil, unusable(path, err)
	}

	c.word, c.path = path, filepath.Clean(path)
	return c, nil
}

func unusable(path string, reason error) error {
	kind := remedy.KindConnectionFile
	if reason == errRegistration {
		kind = remedy.KindRegistration
	}
	// The reason goes first: a front end may show no more than 100 characters.
	return &isolate.SetupError{Doing: "read the connection file", Err: fmt.Errorf("%w: %s", reason, path), Kind: kind}
}

var errRegistration = errors.New("a registration file (JEP 66) asks for a handshake that is not supported")

// parseConnectionFile is to say of every text what the JSON Schema of
// connection files says (share/connection-file.schema.json).
func parseConnectionFile(text []byte) (*connectionFile, error) {
	members, err := parseObject(text)
	if err != nil {
		return nil, &notConnectionFile{"not a JSON object: " + err.Error()}
	}
	values := map[string]string{} // by name; the last one counts
	for _, m := range members {
		values[m.name] = string(text[m.start:m.end])
	}
	if _, found := values["registration_port"]; found {
		return nil, errRegistration
	}
	if !slices.ContainsFunc(channels, func(channel string) bool { return values[channel+"_port"] != "" }) {
		return nil, &notConnectionFile{"no kernel's ports in it"}
	}

	c := &connectionFile{text: text, ports: map[string]int{}}
	for _, m := range members {
		if m.name == "ip" {
			c.ips = append(c.ips, m)
		}
	}

	for _, channel := range channels {
		value := values[channel+"_port"]
		port, err := strconv.Atoi(value)
		if err != nil || port < 1 || port > 65535 {
			return nil, fmt.Errorf("%s_port is %s, not a port number", channel, orNone(value))
		}
		c.ports[channel] = port
	}

	for _, name := range []string{"ip", "transport", "key", "signature_scheme"} {
		if value := values[name]; value != "" && value[0] != '"' {
			return nil, fmt.Errorf("%s is %s, not a string", name, value)
		}
	}
	if values["ip"] != "" {
		c.ip = unquote([]byte(values["ip"]))
	}

	switch transport := values["transport"]; {
	case transport == "" || unquote([]byte(transport)) == "tcp":
	case unquote([]byte(transport)) != "ipc":
		return nil, fmt.Errorf("transport is %s, neither tcp nor ipc", transport)
	case c.ip == "":
		return nil, errors.New("transport is ipc and ip, the sockets' path, is empty")
	default:
		c.ipc = true
	}

	return c, nil
}

func orNone(value string) string {
	if value == "" {
		return "missing"
	}
	return value
}

// inside returns the file's text with another ip.
func (c *connectionFile) inside(ip string) []byte {
	var out []byte
	at := 0
	for _, m := range c.ips {
		out = append(out, c.text[at:m.start]...)
		out = strconv.AppendQuote(out, ip)
		at = m.end
	}
	return append(out, c.text[at:]...)
}
