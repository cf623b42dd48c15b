package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
)

// handWritten is the bubblewrap that people write by hand: fifteen options, and all of
// /etc.
func (b *bench) handWritten() *peer {
	return &peer{name: "bubblewrap, by hand", argv: []string{"bwrap", "--unshare-all", "--die-with-parent",
		"--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc",
		"--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/sbin", "/sbin",
		"--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/home", "--bind", b.shown, b.shown, "--chdir", b.shown, "--"}}
}

// byHand compares isolate, which enforces more, with that.
func (b *bench) byHand() error {
	b.typical = b.handWritten()
	if err := b.look(b.typical, false); err != nil {
		return err
	}
	heading("A sandbox, against a bubblewrap written by hand")
	costs, err := b.turns(b.sizes.starts, []*peer{b.ours, b.typical})
	if err != nil {
		return err
	}
	fmt.Println(figure{Name: "`true`, wall", Unit: "ms", Ours: milliseconds(costs[0], wall), Theirs: milliseconds(costs[1], wall), Ratios: []float64{1.4, 1.05}}.row())
	fmt.Println(figure{Name: "`true`, CPU", Unit: "ms", Ours: milliseconds(costs[0], cpu), Theirs: milliseconds(costs[1], cpu), Ratios: []float64{1.3}}.row())
	if err := b.busy(); err != nil {
		return err
	}
	if err := b.crowds(b.typical, 1); err != nil {
		return err
	}
	fmt.Println(figure{Name: "`true`, switches between threads", Ours: switches(costs[0]), Theirs: switches(costs[1]), Most: 40}.row())
	fmt.Printf("\nIsolate's sandbox has, and this one lacks: %s.\n", b.lacks(b.typical.seen))
	return nil
}

// busy compares the start while every processor computes something else.
func (b *bench) busy() error {
	// The loops end with the thread that has started them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.occupied = true
	defer func() { b.occupied = false }()
	for range runtime.NumCPU() {
		loop := exec.Command("sh", "-c", "while :; do :; done")
		loop.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := loop.Start(); err != nil {
			return fmt.Errorf("keep a processor busy: %w", err)
		}
		defer func() {
			loop.Process.Kill()
			loop.Wait()
		}()
	}
	costs, err := b.turns(b.sizes.mountStarts, []*peer{b.ours, b.typical})
	if err != nil {
		return err
	}
	fmt.Println(figure{Name: "`true`, wall, every processor busy", Unit: "ms",
		Ours: milliseconds(costs[0], wall), Theirs: milliseconds(costs[1], wall), Ratios: []float64{1.6}}.row())
	return nil
}
