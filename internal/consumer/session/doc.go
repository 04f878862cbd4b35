// Package session is one generation of the group: it imports what this process has
// been assigned, until the group is given to others.
//
//	fetch ----chunk----> Run ----attempt----> importer
//	                     ^  <----result----
//	                     |----letters----> dead-letter topic
//	                     |----commit-----> the group's coordinator
//
// A Session owns the partitions with their ledgers, the open batches and the commits
// of its generation. One goroutine, Run, is the only one that touches them: nothing
// here is locked. Its state has owners on top of each other, each of which knows those
// below it only: see owners.go for the list. One select waits for chunks, results, acknowledged letters, commits,
// questions from outside and the clock; after each event a turn does what has become
// possible. Whatever may block runs in goroutines that report back on a channel, and
// all of them have ended when Run returns.
//
// What outlives a generation is a process.Process.
//
// Package consumer makes a Session for each generation, calls Run on the goroutine of
// that generation, and asks it by Describe. Where a partition starts and what is done
// in it is ledger's to say, whose turn it is pace's, who may hold how much memory
// budget's, and the bytes are fetch's.
package session
