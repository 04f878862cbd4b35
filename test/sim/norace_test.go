//go:build !race

package sim

// defaultSeeds is how many seeds TestSim plays: some two minutes of two cores.
// `make test` plays them beside the run with the race detector.
const defaultSeeds = 2000
