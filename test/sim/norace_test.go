//go:build !race

package sim

// defaultSeeds is how many seeds TestSim plays: about a minute of two cores.
const defaultSeeds = 1500
