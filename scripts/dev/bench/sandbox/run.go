package main

import (
	"fmt"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// A cost is what one run took.
type cost struct {
	wall time.Duration // until the command's own process has ended
	cpu  time.Duration // of every process that the command has started
}

// adopt makes this process the parent of those whose own has ended, so that
// their time is counted and none is left behind (PR_SET_CHILD_SUBREAPER).
func adopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// reap waits for every process that has been adopted.
func reap() {
	for {
		if _, err := unix.Wait4(-1, nil, unix.WALL, nil); err == unix.ECHILD {
			return
		}
	}
}

// childrenCPU returns the time of all processes that have been waited for.
func childrenCPU() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_CHILDREN, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// run runs the program once. Nothing else may run meanwhile.
func (b *bench) run(p *peer, program ...string) (cost, error) {
	c, done := b.command(p, program...)
	defer done()
	before, start := childrenCPU(), time.Now()
	err := c.Run()
	wall := time.Since(start)
	reap()
	if err != nil {
		return cost{}, fmt.Errorf("%s: %w", p.name, err)
	}
	return cost{wall, childrenCPU() - before}, nil
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
	reap()
	return took, failed
}
