package isolate

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"isolate-namespace/isolate/internal/calls"
)

// What a caller does before it makes the sandbox: look at the policy, decide
// the tree, write down the system calls.
func BenchmarkMountPlan(b *testing.B) {
	for _, extra := range []int{0, 200} {
		b.Run(fmt.Sprint(extra), func(b *testing.B) {
			dir := b.TempDir()
			mounts := []Mount{Writable(dir)}
			for i := range extra {
				mounts = append(mounts, ReadOnly(filepath.Join(dir, fmt.Sprint(i))))
				if err := os.Mkdir(mounts[i+1].Source, 0o755); err != nil {
					b.Fatal(err)
				}
			}

			for b.Loop() {
				policy, t, err := Policy{Dir: dir, Mounts: mounts}.plan()
				if err != nil {
					b.Fatal(err)
				}
				l := calls.New()
				limits, err := newLimiter(&policy)
				if err != nil {
					b.Fatal(err)
				}
				newBuilder(&l, &policy, limits).build(t)
				l.Load()
				t.close()
			}
		})
	}
}

// A whole sandbox, from a program that makes many.
func BenchmarkRun(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		if err := Command(Policy{Dir: dir, Mounts: []Mount{Writable(dir)}}, "/bin/true").Run(); err != nil {
			b.Fatal(err)
		}
	}
}
