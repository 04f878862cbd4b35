//go:build race

package consumer

// Under the race detector sync.Pool forgets some of what is put into it.
const raceDetector = true
