// Package sim plays the whole bridge against an in-process Kafka and the
// sandbox's import API, in virtual time: the consumer and the importer are the
// real code, only the network is virtual. A seed draws the settings, the
// records and a schedule of faults; one to three members live through it while
// every commit and every stored object is held against what was produced.
//
//	schedule --> processes (consumer + importer) --link--> kfake
//	                                             --link--> sandbox API
//	commits seen at the broker, objects at the store --> truth --> faults found
//
// A failing seed prints its schedule and is played again with
//
//	go test ./test/sim -run TestSim -seed=N -v
//
// The schedule, the settings and the records of a seed are always the same. The
// interleaving of goroutines within one instant of virtual time is the Go
// scheduler's and, like the order of maps, differs from run to run; -count=20
// plays a seed with other interleavings.
//
// Tests only. Everything of one run happens inside one testing/synctest bubble.
package sim
