//go:build race

package sim

import "runtime"

// defaultSeeds is how many seeds TestSim plays: some four minutes of one core,
// where the race detector makes each several times as long.
const defaultSeeds = 200

// The race detector ends the program, if rarely, where two threads run timers of one
// bubble at once ("CHECK failed", https://go.dev/issue/78156). With one processor
// they take turns. Goroutines are shuffled all the same, and races are found as before.
func init() { runtime.GOMAXPROCS(1) }
