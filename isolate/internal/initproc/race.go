//go:build race

package initproc

// RaceDetector says that the race detector is built in. Its records of the
// calling goroutine are looked up at every system call, and so in init too.
const RaceDetector = true
