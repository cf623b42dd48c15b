package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/text"
)

// A progress is a line on a terminal that says what is being done and for how
// long, and goes away with it. Anywhere else it is nothing.
type progress struct {
	terminal io.Writer // nil: there is none
	doing    string
	begun    time.Time
	halt     chan struct{} // nil while no line is shown
	halted   chan struct{}
}

func startProgress(w io.Writer, doing string) *progress {
	p := &progress{doing: doing, begun: time.Now()}
	if f, ok := w.(*os.File); ok {
		if _, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			p.terminal = w
		}
	}
	p.start()
	return p
}

// start shows the line.
func (p *progress) start() {
	if p.terminal == nil {
		return
	}
	p.halt, p.halted = make(chan struct{}), make(chan struct{})
	go p.show(p.halt, p.halted)
}

func (p *progress) show(halt, halted chan struct{}) {
	defer close(halted)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		fmt.Fprintf(p.terminal, "\r%s, %d s", text.Line(p.doing), int(time.Since(p.begun).Seconds()))
		select {
		case <-tick.C:
		case <-halt:
			fmt.Fprint(p.terminal, "\r\x1b[K") // to the line's beginning, and erase it (ECMA-48, EL)
			return
		}
	}
}

// stop takes the line away. Others may write when it returns.
func (p *progress) stop() {
	if p.halt == nil {
		return
	}
	close(p.halt)
	<-p.halted
	p.halt = nil
}
