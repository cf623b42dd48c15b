package launcher

import (
	"io"
	"os"
	"sync"
	"time"

	"isolate-namespace/internal/text"
	"isolate-namespace/isolate"
)

// defaultLogSize is more than a kernel says in its life, and less than fills a
// disk that holds the server's log.
const defaultLogSize = 16 << 20

// An output copies what the kernel writes to its standard output and error to our
// own. A limit holds for both together, since they usually go to the same log. What
// a cell prints takes another way.
//
// The kernel gets pipes of ours and not the front end's files. Those may be the
// terminal that somebody types passwords on, or a pipe that others write to: the
// kernel could open either again through /proc and read it.
type output struct {
	stdout, stderr *os.File // the kernel's ends, until it has them
	log            *os.File // our standard error
	size           int64    // as --log-size says
	jobs           []func()
	copied         chan struct{}

	counting sync.Mutex
	left     int64 // of size
	midLine  bool
	full     bool
}

func newOutput(stdout, stderr *os.File, size int64) (*output, error) {
	o := &output{copied: make(chan struct{}, 2), log: stderr, size: size}
	if o.left = size; size == 0 {
		o.left = defaultLogSize
	}
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
		if o.size == isolate.Unlimited {
			io.Copy(w, outer)
		} else {
			o.copy(w, outer)
		}
		// If the front end stops listening the kernel must not fail: what nobody
		// reads is thrown away.
		io.Copy(io.Discard, outer)
		outer.Close()
		o.copied <- struct{}{}
	})
	return inner, nil
}

// copy copies to w what still fits.
func (o *output) copy(w io.Writer, outer io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := outer.Read(buffer)
		text := o.take(buffer[:n])
		if _, failed := w.Write(text); err != nil || failed != nil {
			return
		}
		if len(text) < n {
			o.sayFull()
			return
		}
	}
}

// take returns the part of text that still fits, counted from now on.
func (o *output) take(text []byte) []byte {
	o.counting.Lock()
	defer o.counting.Unlock()
	text = text[:min(int64(len(text)), o.left)]
	o.left -= int64(len(text))
	if len(text) > 0 {
		o.midLine = text[len(text)-1] != '\n'
	}
	return text
}

// sayFull says once, on a line of its own, that the rest is thrown away.
func (o *output) sayFull() {
	o.counting.Lock()
	defer o.counting.Unlock()
	if o.full {
		return
	}
	o.full = true
	begin, size, lift := "", isolate.FormatSize(o.size)+" (--log-size)", ""
	if o.midLine {
		begin = "\n"
	}
	if o.size == 0 {
		size, lift = isolate.FormatSize(defaultLogSize)+", the default", "--log-size none lifts it"
	}
	reason := "the kernel's output reached the limit of " + size + ": the rest is thrown away"
	text.NewOutput(o.log).Lines(begin + text.Complaint("isolate-kernel", reason, lift))
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
