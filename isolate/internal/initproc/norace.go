//go:build !race

package initproc

// RaceDetector says that the race detector is built in.
const RaceDetector = false
