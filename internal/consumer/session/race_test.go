//go:build race

package session

// Under the race detector sync.Pool forgets some of what is put into it.
const raceDetector = true
