package isolate

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"

	"isolate-namespace/internal/pathname"

	"golang.org/x/sys/unix"
)

// hostMounts are the mounts of the caller's namespace, as they are read once
// for each plan.
type hostMounts struct {
	fd  int // of the open table; its poll(2) says whether anything has changed since
	all []hostMount
}

// A hostMount is one line of the table (proc_pid_mountinfo(5)).
type hostMount struct {
	id, parent int
	device     uint64 // the file system's, major<<32 | minor
	root       string // what it shows, as a path in the file system
	point      string // where it shows that
	kind       string // of file system, such as "ext4"
}

// A hostName is a path that leads to a file, and the mount that it leads
// through.
type hostName struct {
	path  string
	mount int
}

// errMountsChanged says that a mount came or went while the sandbox was made,
// so that it may show what nobody has looked at.
var errMountsChanged = errors.New("the machine's mounts keep changing")

func mountsChanged() error {
	return &SetupError{Doing: "make the sandbox", Err: errMountsChanged, Kind: KindMounting}
}

// mostTries is how often a sandbox is begun again since something changed
// meanwhile.
const mostTries = 50

// openHostMounts opens the table. What changes from here on is noticed.
func openHostMounts() (*hostMounts, error) {
	fd, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil, noProc()
	}
	if err != nil {
		return nil, &SetupError{Doing: "read the mounts", Path: "/proc/self/mountinfo", Err: err}
	}
	return &hostMounts{fd: fd}, nil
}

// noProc is the error for a place where sandboxes can't be planned.
func noProc() error {
	return &SetupError{Doing: "read the mounts", Err: errors.New("no process file system is mounted at /proc"), Kind: KindNoProc}
}

func (h *hostMounts) close() {
	if h.fd >= 0 {
		unix.Close(h.fd)
	}
	h.fd = -1
}

// read reads the table.
func (h *hostMounts) read() error {
	const longest = 64 << 20 // bytes; the kernel's limit of 100,000 mounts needs about a third of it
	text := make([]byte, 0, 16<<10)
	for {
		if cap(text)-len(text) < 4<<10 {
			text = append(make([]byte, 0, 2*cap(text)), text...)
		}
		n, err := unix.Read(h.fd, text[len(text):cap(text)])
		switch {
		case err == unix.EINTR:
			continue
		case err == nil && len(text)+n > longest:
			err = unix.E2BIG
		}
		if err != nil {
			return &SetupError{Doing: "read the mounts", Path: "/proc/self/mountinfo", Err: err}
		}
		if n == 0 {
			break
		}
		text = text[:len(text)+n]
	}

	var err error
	h.all, err = parseHostMounts(string(text))
	return err
}

// changed reports whether a mount came or went since the table was opened, or
// since the last question.
func (h *hostMounts) changed() bool {
	fds := []unix.PollFd{{Fd: int32(h.fd)}}
	n, _ := unix.Poll(fds, 0)
	return n > 0
}

// parseHostMounts reads a whole table.
func parseHostMounts(text string) ([]hostMount, error) {
	all := make([]hostMount, 0, strings.Count(text, "\n"))
	for line := range strings.Lines(text) {
		m, ok := parseHostMount(strings.TrimSuffix(line, "\n"))
		if !ok {
			return nil, &SetupError{Doing: "read the mounts", Path: "/proc/self/mountinfo",
				Err: errors.New("line " + strconv.Itoa(len(all)+1) + " can't be understood")}
		}
		all = append(all, m)
	}
	return all, nil
}

// parseHostMount reads a line such as
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw
func parseHostMount(line string) (m hostMount, ok bool) {
	next := func() (field string) {
		field, line, _ = strings.Cut(line, " ")
		return field
	}
	id, err := strconv.Atoi(next())
	parent, err2 := strconv.Atoi(next())
	major, minor, _ := strings.Cut(next(), ":")
	high, err3 := strconv.ParseUint(major, 10, 32)
	low, err4 := strconv.ParseUint(minor, 10, 32)
	if err != nil || err2 != nil || err3 != nil || err4 != nil {
		return m, false
	}

	m = hostMount{id: id, parent: parent, device: high<<32 | low, root: unescapeOctal(next()), point: unescapeOctal(next())}
	for field := next(); field != "-"; field = next() { // options, then what is propagated
		if line == "" {
			return m, false
		}
	}
	m.kind = unescapeOctal(next())

	// An NFS server's directories are parts of one file system here, each of
	// which calls itself its root. Their paths there are in the source.
	if m.kind == "nfs" || m.kind == "nfs4" {
		_, export, _ := strings.Cut(unescapeOctal(next()), ":/")
		m.root = filepath.Join("/", export, m.root)
	}
	return m, m.kind != "" && filepath.IsAbs(m.point)
}

// unescapeOctal undoes what the kernel does to white space and backslashes
// (mangle_path in fs/seq_file.c).
func unescapeOctal(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// byID returns the mount of this number, or nil.
func (h *hostMounts) byID(id int) *hostMount {
	for i := range h.all {
		if h.all[i].id == id {
			return &h.all[i]
		}
	}
	return nil
}

// visible reports whether no other mount lies over m, so that its path leads to it.
func (h *hostMounts) visible(m *hostMount) bool {
	from := m
	for range h.all { // at most: a table that isn't the kernel's may lead in a circle
		for i := range h.all {
			other := &h.all[i]
			if other == m || other == from {
				continue
			}
			on := other.parent == m.id && other.point == m.point
			above := other.parent == m.parent && other.point != m.point && pathname.Within(m.point, other.point)
			if on || above {
				return false
			}
		}
		parent := h.byID(m.parent)
		if parent == nil || parent == m {
			return true
		}
		from, m = m, parent
	}

	return false
}

// names returns all paths that lead to a file, the one that it was found by first:
// a mount of the same file system may show it too.
func (h *hostMounts) names(f *hostFile) []hostName {
	names := []hostName{{f.path, f.mount}}
	own := h.byID(f.mount)
	if own == nil {
		return names
	}
	rest, ok := pathname.Below(f.path, own.point)
	if !ok {
		return names
	}

	inside := filepath.Join(own.root, rest)
	for i := range h.all {
		m := &h.all[i]
		if m.device != own.device || m == own {
			continue
		}
		rest, ok := pathname.Below(inside, m.root)
		if !ok || !h.visible(m) {
			continue
		}
		if name := filepath.Join(m.point, rest); f.isAt(name) {
			names = append(names, hostName{name, m.id})
		}
	}

	return names
}

// isAt reports whether path leads to f, or may do so once its owner opens the way.
func (f *hostFile) isAt(path string) bool {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	return err == unix.EACCES || err == nil && st.Dev == f.dev && st.Ino == f.ino
}
