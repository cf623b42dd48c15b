// Package pty gives tests a terminal as a person has it.
package pty

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Terminal is a pseudo-terminal of the machine, with what it has shown.
type Terminal struct {
	// Program is the end that programs get for their standard streams.
	Program *os.File

	person *os.File
	mu     sync.Mutex
	shown  bytes.Buffer
	seen   int // how much of it Await has waited for
}

// Open makes a terminal. Its Close hangs up what still uses it.
func Open() (*Terminal, error) {
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, fmt.Errorf("unlock the terminal: %w", err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, fmt.Errorf("ask for the terminal's number: %w", err)
	}
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	t := &Terminal{Program: program, person: person}
	go t.look()
	return t, nil
}

// Close closes both ends.
func (t *Terminal) Close() {
	t.Program.Close()
	t.person.Close()
}

// look takes down what is shown.
func (t *Terminal) look() {
	buf := make([]byte, 4096)
	for {
		n, err := t.person.Read(buf)
		if err != nil {
			return
		}
		t.mu.Lock()
		t.shown.Write(buf[:n])
		t.mu.Unlock()
	}
}

// Type enters keys.
func (t *Terminal) Type(keys string) { t.person.WriteString(keys) }

// Screen returns all that has been shown.
func (t *Terminal) Screen() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shown.String()
}

// Await waits until text is shown after what was waited for before, for 15
// seconds at most.
func (t *Terminal) Await(text string) error {
	for range 300 {
		if t.sees(text) {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the terminal never showed %q after what was waited for; the screen has\n%s", text, t.Screen()[t.seen:])
}

func (t *Terminal) sees(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := strings.Index(t.shown.String()[t.seen:], text)
	if at < 0 {
		return false
	}
	t.seen += at + len(text)
	return true
}
