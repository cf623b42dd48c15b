package isolate

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/executable"
	"isolate-namespace/internal/hostname"
	"isolate-namespace/internal/regular"
	"isolate-namespace/isolate/internal/listener"
	"isolate-namespace/isolate/internal/missed"
	"isolate-namespace/isolate/internal/walk"
)

// A watcher takes note of what a program looks for and doesn't find.
type watcher struct {
	policy *Policy
	tree   *tree
	flags  uintptr // with which seccomp(2) gives the listener

	served chan struct{} // closed when no call will come any more; nil before the first
	root   int           // the sandbox's root, or -1
	rootOf [2]fileID     // and its mount namespace

	mu          sync.Mutex
	looked      map[lookup]int
	connections map[listener.Address]int
	names       map[string]int
	room        int    // bytes that may still be kept
	incomplete  string // why something isn't counted, or ""
}

// A lookup is one path that wasn't there.
type lookup struct {
	path    string // as inside, without links
	how     listener.How
	fresh   bool
	covered bool
	partly  bool // it is a directory that is there, with less in it
}

// What a watcher keeps, at most: it is the program that decides how much there is.
const (
	mostKept     = 8 << 20 // bytes of paths and names
	keptOverhead = 96      // bytes of each besides its text
)

// newWatcher returns nil if nobody wants to know.
func newWatcher(p *Policy, t *tree) (*watcher, error) {
	if !p.Missed {
		return nil, nil
	}
	flags, err := listener.Flags()
	if err != nil {
		return nil, noListener(err.(unix.Errno))
	}
	return &watcher{
		policy: p, tree: t, flags: flags, root: -1, room: mostKept,
		looked: map[lookup]int{}, connections: map[listener.Address]int{}, names: map[string]int{},
	}, nil
}

// listen serves the program's system calls from now on.
func (w *watcher) listen(file *os.File) {
	w.served = make(chan struct{})
	go func() {
		defer close(w.served)
		err := listener.Serve(file, listener.Heard{Use: w.use, Connect: w.connect, Ask: w.ask})
		if w.root >= 0 {
			unix.Close(w.root)
		}
		if err != nil {
			w.mu.Lock()
			w.incomplete = err.Error()
			w.mu.Unlock()
		}
	}()
}

// use takes note of what is missed by the use of a path.
func (w *watcher) use(u listener.Use) {
	if strings.HasPrefix(u.Path, "/proc/") || strings.HasPrefix(u.Path, "/sys/") || !w.openRoot(u) {
		return
	}
	if fd := w.lookFor(u); fd >= 0 {
		w.found(u, fd)
		unix.Close(fd)
	}
}

// lookFor opens what is at a path, without acting on it, or returns -1 and takes note of
// what isn't there.
func (w *watcher) lookFor(u listener.Use) (fd int) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	if u.IsLink {
		how.Flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Openat2(w.root, u.Path, &how)
	if err == nil {
		return fd
	}
	switch err {
	case unix.ENOENT, unix.ENOTDIR:
	case unix.ENOSYS, unix.EPERM: // a filter around this process
	case unix.EAGAIN: // a mount came or went on the machine while ".." was followed
	default:
		return -1 // what keeps it from being found does so outside, too
	}

	at, err := walk.Follow(w.root, u.Path, u.IsLink, func(string) bool { return true })
	if err != nil || at.Missing == 0 || !w.isRootOf(u.Thread) {
		return -1
	}
	if l, ok := w.judge(u, &at); ok {
		w.count(l)
	}
	return -1
}

// count takes note of one look.
func (w *watcher) count(l lookup) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keep(w.looked[l] > 0, l.path) {
		w.looked[l]++
	}
}

// found takes note of what is missed at a path that is there, as fd: the interpreter of
// a program, which the kernel looks for, and the rest of a directory of which only a part
// is shown.
func (w *watcher) found(u listener.Use, fd int) {
	if u.How == listener.Execute {
		f, err := regular.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err != nil {
			return
		}
		defer f.Close()
		if to := executable.Read(f).Interpreter; filepath.IsAbs(to) {
			interpreter := w.lookFor(listener.Use{Thread: u.Thread, Path: to, How: listener.Execute, Waits: u.Waits})
			unix.Close(interpreter) // -1 is none
		}
	}
	if u.Lists {
		at, err := walk.Follow(w.root, u.Path, u.IsLink, func(string) bool { return true })
		if err != nil || at.Missing > 0 || !w.isRootOf(u.Thread) {
			return
		}
		n := w.tree.at[at.Path]
		leads := n == nil && w.tree.leadsOn(at.Path)
		if leads || n != nil && n.kind == privateNode && at.Path == w.policy.Home {
			w.count(lookup{path: at.Path, how: listener.Read, partly: true})
		}
	}
}

// judge says whether it is the sandbox that keeps a path from being there.
func (w *watcher) judge(u listener.Use, at *walk.Place) (l lookup, ok bool) {
	l = lookup{path: at.Path, how: u.How, fresh: u.Fresh}
	n := w.tree.at[at.Path]
	if n == nil {
		n = w.tree.covering(at.Path)
	}
	switch {
	case n == nil: // in a directory that only leads to what is shown, and can't be written to
		return l, true
	case n.kind == maskNode:
		l.covered = true
		return l, true
	case n.kind != privateNode: // what it shows is there as it is outside
		return l, false
	case u.How == listener.Make && at.Missing == 1:
		// It will be made. The program may have meant to go on with what it left there.
		return l, !u.Fresh && n.target == w.policy.Home
	}
	return l, true
}

// openRoot opens the sandbox's root through a thread inside. Before its exec the program
// may not be looked at.
func (w *watcher) openRoot(u listener.Use) bool {
	if w.root >= 0 {
		return true
	}
	fd, err := unix.Open(rootLink(u.Thread), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	id := rootOf(u.Thread)
	if !u.Waits() {
		unix.Close(fd)
		return false
	}
	w.root, w.rootOf = fd, id
	return true
}

// isRootOf reports whether a thread has the sandbox's root, and not that of another
// sandbox inside.
func (w *watcher) isRootOf(thread int) bool {
	return rootOf(thread) == w.rootOf
}

// rootOf says which root and which mounts a thread has.
func rootOf(thread int) (ids [2]fileID) {
	for i, link := range []string{rootLink(thread), fmt.Sprintf("/proc/%d/ns/mnt", thread)} {
		var st unix.Stat_t
		if unix.Stat(link, &st) == nil {
			ids[i] = fileID{uint64(st.Dev), st.Ino}
		}
	}
	return ids
}

func rootLink(thread int) string { return fmt.Sprintf("/proc/%d/root", thread) }

// connect takes note of a connection that can't be made.
func (w *watcher) connect(c listener.Connection) {
	if w.policy.Network == NetworkHost || w.isServed(c) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keep(w.connections[c.Address] > 0, "") {
		w.connections[c.Address]++
	}
}

// isServed reports whether somebody inside listens at an address: the program, or whoever
// serves the policy's services, who says what is refused. Nobody does at that of a
// resolver, about which ask takes note of more.
func (w *watcher) isServed(c listener.Connection) bool {
	if !isLoopback(c.Address.IP) {
		return len(w.policy.Services) > 0
	}
	const resolver = 53
	return c.Address.Port == resolver || listensAt(c.Thread, c.Address)
}

// ask takes note of a name that can't be looked up. The helper that resolves names says
// itself which it refuses.
func (w *watcher) ask(name string) {
	if w.policy.Network == NetworkHost || len(w.policy.Services) > 0 {
		return
	}
	name, err := hostname.Name(name)
	if err != nil {
		return // nobody has it, and no option takes it
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keep(w.names[name] > 0, name) {
		w.names[name]++
	}
}

// keep reports whether there is room for something that isn't known yet.
func (w *watcher) keep(known bool, text string) bool {
	if known {
		return true
	}
	if w.room < len(text)+keptOverhead {
		w.incomplete = "it looked for too much"
		return false
	}
	w.room -= len(text) + keptOverhead
	return true
}

// missed returns what the program has missed, once it and everything inside have ended;
// nil if nobody wants to know.
func (w *watcher) missed() *Missed {
	if w == nil {
		return nil
	}
	const patience = 2 * time.Second // for the last call, which may wait for a file server
	late := error(nil)
	if w.served != nil {
		select {
		case <-w.served:
		case <-time.After(patience):
			late = errNoAnswer
		}
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	m := &Missed{}
	seen, err := foundOutside(w.looked, w.policy.Home)
	for _, g := range missed.Groups(seen, w.surroundings()) {
		m.Groups = append(m.Groups, newMissedGroup(&g))
	}

	serves := listenersOutside()
	for _, to := range slices.SortedFunc(maps.Keys(w.connections), listener.Address.Compare) {
		if !isLoopback(to.IP) || serves.has(to) {
			m.Connections = append(m.Connections, MissedConnection{To: to.String(), Count: w.connections[to]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.names)) {
		m.Connections = append(m.Connections, MissedConnection{To: name, IsName: true, Count: w.names[name]})
	}
	m.Incomplete = w.incomplete
	if err = cmp.Or(late, err); m.Incomplete == "" && err != nil {
		m.Incomplete = err.Error()
	}
	return m
}

// surroundings returns what the groups depend on.
func (w *watcher) surroundings() *missed.Surroundings {
	path, _ := getenv(w.policy.Env, "PATH")
	s := &missed.Surroundings{Search: filepath.SplitList(path), Home: w.policy.Home, Runtime: os.Getenv("XDG_RUNTIME_DIR"), Shown: []string{w.policy.Dir}}
	for _, m := range w.policy.Mounts {
		if m.Access == AccessMasked || m.Wherever {
			continue
		}
		place := m.Target
		if place == "" {
			place = m.Source
		}
		s.Shown = append(s.Shown, place)
	}
	return s
}
