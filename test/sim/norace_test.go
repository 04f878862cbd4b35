//go:build !race

package sim

// defaultSeeds is how many seeds TestSim plays: half a minute of two cores. `make test`
// plays them beside the run with the race detector. In about one of a thousand further
// seeds the judge blames now and then what a kill excuses, as in 439 and 1806: there an
// answer that was lost is learned of in the instant of the kill.
const defaultSeeds = 400
