package isolate

import (
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A stdio is the program's three standard streams and the copying that they
// need.
type stdio struct {
	tty   bool       // the caller's terminal stands for one of the sandbox's own
	inner []*os.File // the program's ends, ours only until it has them
	outer []*os.File // our ends of its pipes
	jobs  []func()
	input *os.File       // our end of the program's input
	out   sync.WaitGroup // the copying of its output
}

// What stands for a descriptor that is opened inside: the program's terminal,
// and the null device. The caller's own null device could be changed through a
// descriptor, by root; inside it is a read-only mount.
const (
	ofTerminal = -1
	ofNull     = -2
)

// open makes the descriptors that the program gets for its input, output and
// errors.
func (s *stdio) open(in io.Reader, out, errs io.Writer) (fds [3]int, err error) {
	files := [3]*os.File{}
	if files[0], err = s.reading(in); err == nil {
		if files[1], err = s.writing(out); err == nil {
			if sameWriter(out, errs) {
				files[2] = files[1]
			} else {
				files[2], err = s.writing(errs)
			}
		}
	}
	if err != nil {
		s.closeInner()
		s.abort()
		return fds, &SetupError{Doing: "open the program's standard streams", Err: underlying(err)}
	}
	streams := [3]any{in, out, errs}
	for i, f := range files {
		if f == nil {
			fds[i] = ofTerminal
			if streams[i] == nil {
				fds[i] = ofNull
			}
			continue
		}
		fds[i] = descriptor(f)
		// Whether it blocks belongs to the open file, not to the descriptor,
		// and programs expect that it does.
		if err := unix.SetNonblock(fds[i], false); err != nil {
			return fds, &SetupError{Doing: "open the program's standard streams", Err: err}
		}
	}
	return fds, nil
}

func sameWriter(a, b io.Writer) bool {
	switch a := a.(type) {
	case *os.File:
		return a == b
	case OwnPipe:
		return a == b
	}
	return false
}

// An OwnPipe is a stream that the program gets itself, where any other is
// copied: one end of a pipe that the caller has made for it. What else has an
// end of the pipe is at the program's mercy, which can open the other end too
// (through /proc/self/fd), read and write there, and change how it blocks.
type OwnPipe struct{ *os.File }

// reading is the program's end of a stream, or nil where it is opened inside.
func (s *stdio) reading(r io.Reader) (*os.File, error) {
	if r == nil || s.tty && isTerminal(r) {
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

func (s *stdio) writing(w io.Writer) (*os.File, error) {
	if w == nil || s.tty && isTerminal(w) {
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
	s.out.Add(1)
	s.jobs = append(s.jobs, func() {
		defer s.out.Done()
		if _, err := io.Copy(w, outer); err != nil {
			// The reader of our own output is gone: so is the program's.
			outer.Close()
		}
	})
	return inner, nil
}

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

// wait returns when all output was copied. Nobody waits for the input: what
// the program did not read stays where it was.
func (s *stdio) wait() {
	s.out.Wait()
	for _, f := range s.outer {
		f.Close()
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

// withDefault adds NAME=value to env unless it has the name.
func withDefault(env []string, name, value string) []string {
	if _, ok := getenv(env, name); ok {
		return env
	}
	return append(env[:len(env):len(env)], name+"="+value)
}
