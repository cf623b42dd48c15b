package isolate

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/inherited"
	"isolate-namespace/isolate/internal/descriptor"
	"isolate-namespace/isolate/internal/terminal"
)

// A stdio holds the program's three standard streams, and copies them.
type stdio struct {
	terminals terminal.Set // those among the streams, which stdio leaves alone
	inner     []*os.File   // the program's ends, closed when it has them
	outer     []*os.File   // our ends of its pipes
	jobs      []func()
	input     *os.File      // our end of the program's input
	copying   int           // how many outputs are copied
	copied    chan struct{} // one for each when it is done
	lost      chan error    // why output could not be written, one for each stream at most
}

// These stand for descriptors that are opened inside: the program's terminal, and the
// null device. Through a descriptor of the caller's null device root could change it;
// inside it is a read-only mount. If a stream of ours was closed when we were started,
// it is closed for the program, too.
const (
	ofNull     = -1
	ofNothing  = -2
	ofTerminal = -3 // the first one; the others are below
)

// open makes the descriptors that the program gets for its input, output and
// errors.
func (s *stdio) open(in io.Reader, out, errs io.Writer) (fds [3]int, err error) {
	s.copied, s.lost = make(chan struct{}, 2), make(chan error, 2)
	files := [3]*os.File{}
	if s.terminals.Of(0) < 0 {
		files[0], err = s.reading(in)
	}
	if err == nil && s.terminals.Of(1) < 0 {
		files[1], err = s.writing("standard output", out)
	}
	if err == nil && s.terminals.Of(2) < 0 {
		if sameWriter(out, errs) {
			files[2] = files[1]
		} else {
			files[2], err = s.writing("standard error", errs)
		}
	}
	if err != nil {
		s.closeInner()
		s.abort()
		return fds, &SetupError{Doing: "open the program's standard streams", Err: underlying(err)}
	}

	streams := [3]any{in, out, errs}
	for i, f := range files {
		switch {
		case f != nil:
			fds[i] = descriptor.Of(f)
		case isClosed(streams[i]):
			fds[i] = ofNothing
		case isNull(streams[i]):
			fds[i] = ofNull
		default:
			fds[i] = ofTerminal - s.terminals.Of(i)
		}
		if f == nil {
			continue
		}
		// Whether it blocks belongs to the open file, not to the descriptor,
		// and programs expect that it does.
		if err := unix.SetNonblock(fds[i], false); err != nil {
			return fds, &SetupError{Doing: "open the program's standard streams", Err: err}
		}
	}
	return fds, nil
}

// isClosed reports whether stream is one of our own that was closed when we were
// started. What it is now is the null device, which the Go runtime opened.
func isClosed(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && inherited.Closed(descriptor.Of(f))
}

// isNull reports whether stream is no file, or the null device, for which the sandbox has
// its own: a pipe and somebody who copies would only take time.
func isNull(stream any) bool {
	if stream == nil {
		return true
	}
	f, ok := stream.(*os.File)
	var st unix.Stat_t
	return ok && unix.Fstat(descriptor.Of(f), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
}

// sameWriter reports whether what is written to a and b goes to one place, where
// its order counts: then the program has one pipe for both.
func sameWriter(a, b io.Writer) bool {
	if own, ok := a.(OwnPipe); ok {
		return own == b
	}
	f, ok := a.(*os.File)
	g, ok2 := b.(*os.File)
	if !ok || !ok2 {
		return false
	}
	if f == g {
		return true
	}
	if isClosed(f) || isClosed(g) {
		return false
	}

	fInfo, err := f.Stat()
	gInfo, err2 := g.Stat()
	if err != nil || err2 != nil || !os.SameFile(fInfo, gInfo) {
		return false
	}

	// Two files opened on one regular file have a position each, unless both
	// append.
	return !fInfo.Mode().IsRegular() || sameOpenFile(f, g) || appends(f) && appends(g)
}

// sameOpenFile reports whether two descriptors are copies of each other, as 2>&1
// makes them (kcmp(2), KCMP_FILE). A kernel that can't tell is taken to mean yes.
func sameOpenFile(f, g *os.File) bool {
	pid, kcmpFile := uintptr(os.Getpid()), uintptr(0)
	order, _, errno := unix.Syscall6(unix.SYS_KCMP, pid, pid, kcmpFile, uintptr(descriptor.Of(f)), uintptr(descriptor.Of(g)), 0)
	return errno != 0 || order == 0
}

func appends(f *os.File) bool {
	flags, err := unix.FcntlInt(uintptr(descriptor.Of(f)), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_APPEND != 0
}

// An OwnPipe is a stream that the program gets directly, while others are copied: one
// end of a pipe that the caller has made for it. The program can also open the other end
// (through /proc/self/fd), read and write there, and change whether it blocks, so nobody
// else may rely on the pipe.
type OwnPipe struct{ *os.File }

// reading returns the program's end of a stream, or nil where it is opened inside.
func (s *stdio) reading(r io.Reader) (*os.File, error) {
	if isNull(r) || isClosed(r) {
		return nil, nil
	}
	if own, ok := r.(OwnPipe); ok {
		return own.File, nil
	}
	inner, outer, err := s.pipe()
	if err != nil {
		return nil, err
	}
	s.input = outer
	s.jobs = append(s.jobs, func() {
		io.Copy(outer, r) // the program may stop reading any time
		outer.Close()
	})
	return inner, nil
}

// writing returns the program's end of the stream of that name, or nil where it is
// opened inside.
func (s *stdio) writing(name string, w io.Writer) (*os.File, error) {
	if isNull(w) || isClosed(w) {
		return nil, nil
	}
	if own, ok := w.(OwnPipe); ok {
		return own.File, nil
	}
	outer, inner, err := s.pipe()
	if err != nil {
		return nil, err
	}

	s.inner[len(s.inner)-1], s.outer[len(s.outer)-1] = inner, outer
	s.copying++
	s.jobs = append(s.jobs, func() {
		defer func() { s.copied <- struct{}{} }()
		if _, err := io.Copy(w, outer); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			// Who reads our own output may have seen enough. What else goes
			// wrong the program would have been told by write(2).
			if !errors.Is(err, unix.EPIPE) {
				s.lost <- &OutputError{Stream: name, Err: underlying(err)}
			}
			outer.Close()
		}
	})
	return inner, nil
}

// An OutputError says that some of the program's output could not be written, and is
// lost.
type OutputError struct {
	Stream string // "standard output" or "standard error"
	Err    error
}

func (e *OutputError) Error() string { return "write " + e.Stream + ": " + e.Err.Error() }
func (e *OutputError) Unwrap() error { return e.Err }

// pipe makes a pipe whose reading end is the program's.
func (s *stdio) pipe() (r, w *os.File, err error) {
	if r, w, err = os.Pipe(); err == nil {
		s.inner, s.outer = append(s.inner, r), append(s.outer, w)
	}
	return r, w, err
}

// copy starts the copying.
func (s *stdio) copy() {
	for _, job := range s.jobs {
		go job()
	}
}

// wait returns when all output was copied, and says why some of it could not
// be. It is called when nothing is left of the sandbox. Nobody waits for the
// input: what the program did not read stays where it was.
func (s *stdio) wait() error {
	s.closeEmpty()
	for _, f := range s.outer {
		f.Close()
	}
	select {
	case err := <-s.lost:
		return err
	default:
		return nil
	}
}

// closeEmpty returns when the copying is done. A service outside may have been
// handed the program's end of a pipe (unix(7), SCM_RIGHTS) and keep it open: once
// such a pipe is empty, what comes is not the program's any more.
func (s *stdio) closeEmpty() {
	const look = 20 * time.Millisecond
	for s.copying > 0 {
		select {
		case <-s.copied:
			s.copying--
			continue
		case <-time.After(look):
		}
		for _, f := range s.outer {
			if n, err := unix.IoctlGetInt(descriptor.Of(f), unix.TIOCINQ); err == nil && n == 0 && f != s.input {
				f.SetReadDeadline(time.Now())
			}
		}
	}
}

// closeInner closes the program's ends, which it has copies of by now.
func (s *stdio) closeInner() {
	for _, f := range s.inner {
		f.Close()
	}
}

// abort closes our ends when the program never started.
func (s *stdio) abort() {
	for _, f := range s.outer {
		f.Close()
	}
}
