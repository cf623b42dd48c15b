// Sandbox measures what a sandbox costs: isolate's against a bubblewrap written by
// hand, against bubblewrap's with the same policy, and against those of other programs. It prints tables in
// Markdown, for docs/performance.md.
//
//	sandbox [--quick] ISOLATE
//	sandbox table
//
// What bubblewrap is told is made from what a probe sees inside isolate's
// sandbox; the same probe inside bubblewrap's then has to see the same.
//
// The second form prints the table of the figures that the Python benches write
// to its standard input.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
}

// A bench is one run of all of it.
type bench struct {
	binary string // isolate
	place  string // the directory of this run, outside of the sandboxes
	shown  string // the directory that the sandboxes show
	host   *view
	ours   *peer
	theirs *peer // bubblewrap with the same policy

	typical  *peer // bubblewrap as people write it
	occupied bool  // loops of our own keep the processors busy
	sizes
}

// sizes says how often each figure is measured.
type sizes struct {
	starts, mountStarts, crowds, series, memories, others int

	settled time.Duration // until the kernel has removed everything
}

func run(args []string) error {
	size := sizes{starts: 300, mountStarts: 100, crowds: 11, series: 1000, memories: 5, others: 30, settled: 3 * time.Second}
	if len(args) > 0 && strings.HasPrefix(args[0], "probe") {
		return probe(args[0] == "probe-root")
	}
	if len(args) > 0 && args[0] == "table" {
		return table(os.Stdin)
	}
	if len(args) > 0 && args[0] == "--quick" {
		size, args = sizes{starts: 30, mountStarts: 10, crowds: 1, series: 100, memories: 1, others: 3, settled: time.Second}, args[1:]
	}
	if len(args) != 1 {
		return fmt.Errorf("usage: sandbox [--quick] ISOLATE, or sandbox table")
	}

	b := &bench{binary: args[0], sizes: size}
	if err := b.prepare(); err != nil {
		return err
	}
	defer os.RemoveAll(b.place)

	parts := []func() error{b.comparePolicies, b.byHand, b.starts, b.startsWithMounts, b.equalCrowds, b.memory, b.series, b.library, b.peers}
	for _, part := range parts {
		if err := part(); err != nil {
			return err
		}
	}

	return nil
}

// prepare makes the directories of this run.
func (b *bench) prepare() (err error) {
	if err = adopt(); err != nil {
		return err
	}
	if b.place, err = os.MkdirTemp("", "isolate-bench-"); err != nil {
		return err
	}

	b.shown = filepath.Join(b.place, "shown")
	for _, directory := range []string{b.shown, filepath.Join(b.place, "empty")} {
		if err := os.Mkdir(directory, 0o755); err != nil {
			return err
		}
	}
	for i := range extraMounts {
		if err := os.MkdirAll(b.extraDir(i), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(b.place, "nothing"), nil, 0o444); err != nil {
		return err
	}

	self, err := os.Executable()
	if err != nil {
		return err
	}
	return exec.Command("cp", self, filepath.Join(b.shown, "probe")).Run()
}

// comparePolicies makes sure that like is compared with like.
func (b *bench) comparePolicies() (err error) {
	if b.host, err = look(); err != nil {
		return err
	}
	b.ours = b.isolate(0)
	if err := b.look(b.ours, true); err != nil {
		return err
	}
	if b.theirs, err = b.bubblewrap(b.ours.seen); err != nil {
		return err
	}
	if err := b.look(b.theirs, true); err != nil {
		return err
	}
	return b.equal(b.ours.seen, b.theirs.seen)
}
