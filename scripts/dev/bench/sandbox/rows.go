package main

import (
	"fmt"
	"os"
	"time"

	"isolate-namespace/isolate"
)

// heading begins a table of isolate's figures and bubblewrap's.
func heading(title string) {
	fmt.Printf("\n### %s\n\n", title)
	fmt.Println("| figure | isolate | bubblewrap | ratio | goal |")
	fmt.Println("| --- | --- | --- | --- | --- |")
}

// starts compares the start and the end of a program that does nothing.
func (b *bench) starts() error {
	heading("A sandbox, against bubblewrap's with the same policy")
	return b.compareStarts("`true`", b.sizes.starts, b.ours, b.theirs, 0.6)
}

// startsWithMounts does so with more directories shown.
func (b *bench) startsWithMounts() error {
	ours := b.isolate(extraMounts)
	if err := b.look(ours, true); err != nil {
		return err
	}
	theirs, err := b.bubblewrap(ours.seen)
	if err != nil {
		return err
	}
	return b.compareStarts(fmt.Sprintf("`true`, %d mounts more", extraMounts), b.sizes.mountStarts, ours, theirs, 1)
}

func (b *bench) compareStarts(what string, rounds int, ours, theirs *peer, wallGoals ...float64) error {
	costs, err := b.turns(rounds, []*peer{ours, theirs})
	if err != nil {
		return err
	}
	for _, f := range []figure{
		{Name: what + ", wall", Ours: milliseconds(costs[0], wall), Theirs: milliseconds(costs[1], wall), Ratios: wallGoals},
		{Name: what + ", CPU", Ours: milliseconds(costs[0], cpu), Theirs: milliseconds(costs[1], cpu), Ratios: []float64{1}},
	} {
		f.Unit = "ms"
		fmt.Println(f.row())
	}
	return nil
}

// equalCrowds compares a hundred at once with the same policy.
func (b *bench) equalCrowds() error { return b.crowds(b.theirs, 0.6) }

// crowds compares a hundred at once.
func (b *bench) crowds(theirs *peer, goal float64) error {
	const n = 100
	times, failures := make([]sample, 2), make([]int, 2)
	for range b.sizes.crowds {
		for i, p := range []*peer{b.ours, theirs} {
			took, failed := b.crowd(p, n)
			times[i] = append(times[i], float64(took)/1e6)
			failures[i] += failed
		}
	}
	took := figure{Name: fmt.Sprintf("%d `true` at once, until the last has ended", n), Unit: "ms", Ours: times[0], Theirs: times[1], Ratios: []float64{goal}}
	fmt.Println(took.row())
	fmt.Printf("| failures of those | %d | %d | | none: %s |\n", failures[0], failures[1], verdict(failures[0] == 0))
	return nil
}

// memory compares what the helpers of a sandbox at rest hold.
func (b *bench) memory() error {
	const goal = 2.0 // MiB more than bubblewrap
	if os.Getuid() != 0 {
		fmt.Println("| memory of all helpers (PSS) | takes root | | | |")
		return nil
	}
	sizes := make([]sample, 2)
	for range b.sizes.memories {
		found, err := b.helpers(b.ours, b.theirs)
		if err != nil {
			return err
		}
		for i, size := range found {
			sizes[i] = append(sizes[i], size)
		}
	}
	more := sizes[0].median() - sizes[1].median()
	fmt.Printf("| memory of all helpers at rest (PSS) | %s | %s | %+.2f MiB | at most +%.0f MiB: %s |\n",
		sizes[0].with("MiB"), sizes[1].with("MiB"), more, goal, verdict(more <= goal))
	return nil
}

// series counts what sandboxes leave behind when they run one after another.
func (b *bench) series() error {
	kernel := make([]float64, 2)
	var left trace
	for i, p := range []*peer{b.ours, b.theirs} {
		t, err := b.left(func() error {
			_, err := b.run(p, "/bin/true")
			return err
		})
		if err != nil {
			return err
		}
		kernel[i] = float64(t.kernel) / 1024 / float64(b.sizes.series)
		if i == 0 {
			left = t
		}
	}
	fmt.Printf("| %d one after another: processes, mounts, files left | %d, %d, %d | | | none: %s |\n",
		b.sizes.series, left.processes, left.mounts, left.files, verdict(max(left.processes, left.mounts, left.files) <= 0))
	fmt.Printf("| the operating system's memory that they leave, each | %+.2f KiB | %+.2f KiB | | none |\n", kernel[0], kernel[1])
	return nil
}

// library counts what sandboxes leave behind in a program that uses the package.
func (b *bench) library() error {
	t, err := b.left(func() error {
		return isolate.Command(isolate.Policy{Dir: b.shown, Mounts: []isolate.Mount{isolate.Writable(b.shown)}}, "/bin/true").Run()
	})
	if err != nil {
		return err
	}
	fmt.Printf("| %d in one Go program: its descriptors more, its memory more, each | %d, %+.2f KiB | | | none: %s |\n",
		b.sizes.series, t.descriptors, float64(t.own)/1024/float64(b.sizes.series), verdict(t.descriptors <= 0))
	return nil
}

// left runs something many times and returns what there is more of than before.
// The first runs warm up.
func (b *bench) left(once func() error) (trace, error) {
	temporary, err := os.MkdirTemp(b.place, "")
	if err != nil {
		return trace{}, err
	}
	os.Setenv("TMPDIR", temporary)
	defer os.Unsetenv("TMPDIR")

	directories := append(cgroups(), b.shown, temporary)
	var before trace
	for i := range b.sizes.series * 6 / 5 {
		if i == b.sizes.series/5 {
			time.Sleep(b.settled) // the kernel removes a network namespace a little later
			if before, err = leave(directories...); err != nil {
				return trace{}, err
			}
		}
		if err := once(); err != nil {
			return trace{}, err
		}
	}

	time.Sleep(b.settled)
	after, err := leave(directories...)
	return after.minus(before), err
}

// peers compares programs that can't be given the same policy.
func (b *bench) peers() error {
	peers := []*peer{b.ours, b.typical, b.theirs}
	var absent []string
	for _, p := range b.others() {
		if err := b.look(p, false); err != nil {
			absent = append(absent, err.Error())
			continue
		}
		peers = append(peers, p)
	}
	// The least that a program in Go costs.
	peers = append(peers, &peer{name: "`isolate --version`, which makes none", argv: []string{b.binary, "--version"}, seen: b.host})

	costs, err := b.turns(b.sizes.others, peers)
	if err != nil {
		return err
	}
	fmt.Println("\n### A sandbox of others\n\n| `true` in | wall | to bubblewrap's by hand | CPU | to bubblewrap's by hand | what isolate's sandbox has and this one lacks |")
	fmt.Println("| --- | --- | --- | --- | --- | --- |")
	baseWall, baseCPU := milliseconds(costs[1], wall).median(), milliseconds(costs[1], cpu).median()
	for i, p := range peers {
		w, c := milliseconds(costs[i], wall), milliseconds(costs[i], cpu)
		fmt.Printf("| %s | %s | %.2f | %s | %.2f | %s |\n", p.name, w.with("ms"), w.median()/baseWall, c.with("ms"), c.median()/baseCPU, b.lacks(p.seen))
	}
	for _, why := range absent {
		fmt.Printf("\nWithout %s.\n", why)
	}
	return nil
}
