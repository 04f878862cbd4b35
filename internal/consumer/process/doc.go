// Package process is what belongs to the process and outlives its generations: the
// configuration, the memory of the buffer budget, the trouble of namespaces, and what
// could not be committed.
//
// Package consumer makes one Process and hands it to one session after the other. The
// loop of the session that runs is its only user, but for what is safe for all: the
// log, the fault log, the metrics, the pulse, and the methods that write to them.
package process
