package launcher

import (
	"io"
	"os"
	"time"
)

// An output copies what the kernel writes to its standard output and errors to
// our own. The kernel gets pipes of ours and not the front end's files: those
// may be the terminal that somebody types passwords on, or a pipe that others
// write to, which it could open anew through /proc and read.
type output struct {
	stdout, stderr *os.File // the kernel's ends, until it has them
	jobs           []func()
	copied         chan struct{}
}

func newOutput(stdout, stderr *os.File) (*output, error) {
	o := &output{copied: make(chan struct{}, 2)}
	var err error
	if o.stdout, err = o.pipe(stdout); err != nil {
		return nil, err
	}
	a, errA := stdout.Stat()
	b, errB := stderr.Stat()
	if errA == nil && errB == nil && os.SameFile(a, b) {
		o.stderr = o.stdout // keeps the order of what goes to one place
		return o, nil
	}
	o.stderr, err = o.pipe(stderr)
	return o, err
}

// pipe returns the writing end of a pipe whose content goes to w.
func (o *output) pipe(w *os.File) (*os.File, error) {
	outer, inner, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o.jobs = append(o.jobs, func() {
		io.Copy(w, outer)
		// A front end that stopped listening is no reason for the kernel to
		// fail: what nobody wants is thrown away.
		io.Copy(io.Discard, outer)
		outer.Close()
		o.copied <- struct{}{}
	})
	return inner, nil
}

// start begins to copy, once the kernel has its ends.
func (o *output) start() {
	o.stdout.Close()
	o.stderr.Close()
	for _, job := range o.jobs {
		go job()
	}
}

// finish returns when all that was written has been copied, or when the front
// end has not taken it for a while: it may be waiting for our end. It is
// called after the kernel's end.
func (o *output) finish() {
	late := time.After(patience)
	for range o.jobs {
		select {
		case <-o.copied:
		case <-late:
			return
		}
	}
}
