package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/text"
)

// A progress is a line on a terminal that says what is being done and for how
// long, and goes away with it. Anywhere else it is nothing.
type progress struct {
	terminal io.Writer // nil: there is none
	mu       sync.Mutex
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
	for { // \x1b[K erases the rest of the line (ECMA-48, EL)
		p.mu.Lock()
		doing := p.doing
		p.mu.Unlock()
		line := fmt.Sprintf("%s, %d s", text.Line(doing), int(time.Since(p.begun).Seconds()))
		fmt.Fprintf(p.terminal, "\r%s\x1b[K", lastOf(line, p.width()))
		select {
		case <-tick.C:
		case <-halt:
			fmt.Fprint(p.terminal, "\r\x1b[K") // to the line's beginning, and erase it
			return
		}
	}
}

// width returns how many characters a row of the terminal holds.
func (p *progress) width() int {
	if f, ok := p.terminal.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
			return int(size.Col)
		}
	}
	return 80
}

// lastOf returns the end of a line that is too long for a row, which would begin another
// one each time.
func lastOf(line string, width int) string {
	runes := []rune(line)
	if len(runes) < width {
		return line
	}
	return "…" + string(runes[len(runes)-max(0, width-2):])
}

// say changes what the line says, from its next half second on.
func (p *progress) say(doing string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing = doing
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
