//go:build race

package sim

// defaultSeeds is how many seeds TestSim plays: about a minute of two cores,
// where the race detector makes each several times as long.
const defaultSeeds = 200
