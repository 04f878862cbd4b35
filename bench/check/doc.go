// Command check compares the micro-benchmarks of the hot path with those of a
// stored commit, the baseline, and fails where one is more than 15 % slower.
//
//	make bench-check
//	make bench-check ARGS='-run Worker -budget 1m'
//	make bench-check ARGS='-base HEAD~3'
//	make bench-check ARGS=-update     the commit that is checked out is the baseline from now on
//
// It builds the benchmarks of the baseline and of the working tree (uncommitted
// changes included), runs the two in turns for some milliseconds at a time, and
// divides the least times that each has taken. So neither the machine nor what
// else it does matters: a disturbance only ever makes a run slower, and some runs
// of each are not disturbed. What seems slower is measured again, longer,
// before it counts. See docs/adr/0007-benchmark-baseline.md.
//
// A benchmark that the baseline does not have is told and passes. The exit code
// is 1 if one is slower, 2 if the comparison could not be made.
package main
