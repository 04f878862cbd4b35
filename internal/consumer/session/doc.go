// Package session is the loop of one generation of the group: it imports what this
// process has been assigned, until the group is given to others.
//
//	fetch ----chunk----> Run ----attempt----> importer
//	                     ^  <----result----
//	                     |----letters----> dead-letter topic
//	                     |----commit-----> the group's coordinator
//
// A Session owns what happens when. One select waits for chunks, results, acknowledged
// letters and receipts, commits, questions from outside and the clock; after each event
// a turn does what has become possible. The loop takes in what reading has brought,
// finds memory for it, makes the catch-up reads that imports want, and ends in a drain.
// What it has of partitions, commits and namespaces is in rooms of their own,
// assignment and imports: see owners.go for the list. None of them is locked, as Run's
// goroutine is the only one that calls them. Whatever may block runs in goroutines that
// report back on a channel, and all of them have ended when Run returns.
//
// Package consumer makes a Session for each generation and calls Run on its own
// goroutine; HTTP requests ask for the status by Describe, on theirs.
package session
