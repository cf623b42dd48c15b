package main

import (
	"fmt"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// A cost is what one run took.
type cost struct {
	wall     time.Duration // until the command's own process has ended
	cpu      time.Duration // of every process that the command has started
	switches int64         // of threads, which they waited for or were made to
}

// adopt makes this process the parent of those whose own has ended, so that
// their time is counted and none is left behind (PR_SET_CHILD_SUBREAPER).
func adopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// reap waits for every process that has been adopted. While loops of our own keep the
// processors busy, it takes only what has ended.
func (b *bench) reap() {
	options := unix.WALL
	if b.occupied {
		options |= unix.WNOHANG
	}
	for {
		if pid, err := unix.Wait4(-1, nil, options, nil); err == unix.ECHILD || err == nil && pid == 0 {
			return
		}
	}
}

// children returns what all processes have cost that have been waited for.
func children() cost {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_CHILDREN, &u)
	return cost{cpu: time.Duration(u.Utime.Nano() + u.Stime.Nano()), switches: u.Nvcsw + u.Nivcsw}
}

// run runs the program once. Nothing else may run meanwhile.
func (b *bench) run(p *peer, program ...string) (cost, error) {
	c, done := b.command(p, program...)
	defer done()
	before, start := children(), time.Now()
	err := c.Run()
	wall := time.Since(start)
	b.reap()
	if err != nil {
		return cost{}, fmt.Errorf("%s: %w", p.name, err)
	}
	after := children()
	return cost{wall, after.cpu - before.cpu, after.switches - before.switches}, nil
}

// turns runs the program in every peer in turns, each round begun by another,
// and returns what each run took. The first rounds only warm up.
func (b *bench) turns(rounds int, peers []*peer) ([][]cost, error) {
	const warm = 3
	costs := make([][]cost, len(peers))
	for round := range warm + rounds {
		for i := range peers {
			at := (i + round) % len(peers)
			c, err := b.run(peers[at], "/bin/true")
			if err != nil {
				return nil, err
			}
			if round >= warm {
				costs[at] = append(costs[at], c)
			}
		}
	}
	return costs, nil
}

// crowd starts n programs at once and returns when the last has ended, with
// the number of those that failed.
func (b *bench) crowd(p *peer, n int) (took time.Duration, failed int) {
	start := time.Now()
	var running []*exec.Cmd
	for range n {
		c, done := b.command(p, "/bin/true")
		if c.Start() == nil {
			running = append(running, c)
		}
		done()
	}
	failed = n - len(running)
	for _, c := range running {
		if c.Wait() != nil {
			failed++
		}
	}
	took = time.Since(start)
	b.reap()
	return took, failed
}
