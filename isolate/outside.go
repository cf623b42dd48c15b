package isolate

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/listener"
	"isolate-namespace/isolate/internal/missed"
	"isolate-namespace/isolate/internal/walk"
)

// errNoAnswer is the error for a file system that keeps one waiting, as one of another
// machine may do for ever.
var errNoAnswer = errors.New("a file system didn't answer")

// foundOutside returns what of the paths that weren't there inside is there outside, for
// this user. The error says why that may not be all.
func foundOutside(looked map[lookup]int, home string) (seen []missed.Seen, err error) {
	type counted struct {
		lookup
		count int
	}
	var all []counted
	for l, count := range looked {
		all = append(all, counted{l, count})
	}
	slices.SortFunc(all, func(a, b counted) int { return strings.Compare(a.path, b.path) })

	found := make(chan missed.Seen, len(all)) // with room for all: nobody may be there to take them
	var failed error
	go func() {
		defer close(found)
		var o *outsider
		if o, failed = newOutsider(home); failed != nil {
			return
		}
		defer o.close()
		for _, l := range all {
			if f, ok := o.find(l.lookup); ok {
				f.Count = l.count
				found <- f
			}
		}
	}()

	const patience = 5 * time.Second
	end := time.After(patience)
	for {
		select {
		case f, more := <-found:
			if !more {
				return seen, failed
			}
			seen = append(seen, f)
		case <-end:
			return seen, errNoAnswer
		}
	}
}

// An outsider looks at files outside.
type outsider struct {
	root    int
	mounted map[string]bool
	home    string
	homeID  fileID
	real    map[string]string // by paths without links
}

func newOutsider(home string) (*outsider, error) {
	mounts, err := openHostMounts()
	if err != nil {
		return nil, err
	}
	defer mounts.close()
	if err := mounts.read(); err != nil {
		return nil, err
	}

	o := &outsider{mounted: map[string]bool{}, home: home, real: map[string]string{"/": "/"}}
	for _, m := range mounts.all {
		o.mounted[m.point] = o.mounted[m.point] || m.kind != "autofs"
	}
	var st unix.Stat_t
	if unix.Stat(home, &st) == nil {
		o.homeID = fileID{uint64(st.Dev), st.Ino}
	}
	o.root, err = unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	return o, err
}

func (o *outsider) close() { unix.Close(o.root) }

// find says what the program would have found at a path.
func (o *outsider) find(l lookup) (f missed.Seen, ok bool) {
	place, err := walk.Follow(o.root, l.path, false, func(path string) bool { return o.mounted[path] })
	if err != nil {
		return f, false
	}
	f = missed.Seen{Path: l.path, Covered: l.covered, Partly: l.partly, Use: useOf(l.how)}
	if real := o.realOf(place.Path); real != l.path {
		f.Real = real
	}
	if l.how == listener.Make && place.Missing == 1 {
		f.New = true
		return f, unix.Access(filepath.Dir(place.Path), unix.W_OK) == nil
	}
	if place.Missing > 0 {
		return f, false
	}

	kind := place.Stat.Mode & unix.S_IFMT
	f.Dir, f.Socket, f.Closed = kind == unix.S_IFDIR, kind == unix.S_IFSOCK, place.Stat.Mode&0o004 == 0
	f.Device = kind == unix.S_IFCHR || kind == unix.S_IFBLK
	need := uint32(unix.R_OK)
	switch {
	case l.how == listener.Make && f.Dir:
		return f, false // it can't be made where one is
	case f.Use == missed.Write, f.Socket:
		need = unix.W_OK
	case f.Use == missed.Execute:
		need = unix.X_OK
	}
	return f, unix.Access(place.Path, need) == nil
}

// realOf returns a path without links as one through the home directory, if it is in there:
// a mount can give that other names.
func (o *outsider) realOf(place string) string {
	if real, known := o.real[place]; known {
		return real
	}
	real := filepath.Join(o.realOf(filepath.Dir(place)), filepath.Base(place))
	var st unix.Stat_t
	if unix.Stat(place, &st) == nil && o.homeID == (fileID{uint64(st.Dev), st.Ino}) {
		real = o.home
	}
	o.real[place] = real
	return real
}

func useOf(how listener.How) missed.Use {
	switch how {
	case listener.Look:
		return missed.Look
	case listener.Execute:
		return missed.Execute
	case listener.Write, listener.Make:
		return missed.Write
	}
	return missed.Read
}
