package network

import (
	"io"
	"sync"
	"time"

	"isolate-namespace/internal/door"
)

// A teller writes what was refused, each once, and so many at most.
type teller struct {
	lock  sync.Mutex
	told  map[door.Refusal]bool
	over  bool
	lines chan string
	done  chan struct{}
}

// mostTold is how many refusals are told, without the last, which says that there are
// more.
const mostTold = 40

func newTeller(out io.Writer) *teller {
	t := &teller{told: map[door.Refusal]bool{}, lines: make(chan string, mostTold+1), done: make(chan struct{})}
	go func() {
		defer close(t.done)
		for line := range t.lines {
			io.WriteString(out, line+"\n")
		}
	}()
	return t
}

// tell doesn't wait for whoever reads.
func (t *teller) tell(reason door.Reason, what, detail string) {
	t.lock.Lock()
	defer t.lock.Unlock()
	once := door.Refusal{Reason: reason, What: what}
	if t.over || t.told[once] || len(t.told) > mostTold {
		return
	}
	t.told[once] = true
	if len(t.told) > mostTold {
		t.lines <- door.Refusal{Reason: door.NotTold}.String()
		return
	}
	t.lines <- door.Refusal{Reason: reason, What: what, Detail: detail}.String()
}

// full reports whether nothing more will be told.
func (t *teller) full() bool {
	t.lock.Lock()
	defer t.lock.Unlock()
	return len(t.told) > mostTold
}

// finish returns when all was written, or soon.
func (t *teller) finish() {
	t.lock.Lock()
	t.over = true
	close(t.lines)
	t.lock.Unlock()
	select {
	case <-t.done:
	case <-time.After(time.Second):
	}
}
