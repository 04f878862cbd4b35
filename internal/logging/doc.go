// Package logging keeps a log that nobody reads from stopping the program, and a
// fault that goes on from filling the log. It owns the queue between those who log
// and standard error, the goroutine that empties it, and the count of faults that are
// left out.
//
// # Use
//
// Whoever meets faults again and again gives them to a [FaultLog], which logs one
// line a minute of each kind.
//
// The program builds one [Writer] around standard error and gives it to its
// slog handler; everything else that goes to standard error, such as a usage
// text, goes through it as well, so that all of it keeps its order. Close
// before the process exits.
//
// # Expected behavior
//
// Write never blocks and never fails. A pipe that is full or broken, or a disk
// without space, costs log lines and nothing else: they are counted in
// [Writer.Dropped], and a notice says how many are missing, at their place,
// once lines can be written again.
//
// # Imports
//
// It imports no other room. Any room may use a FaultLog; only cmd/bridge makes a Writer.
package logging
