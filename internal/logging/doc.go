// Package logging keeps a log that nobody reads from stopping the program. It
// owns the queue between those who log and standard error, and the goroutine
// that empties it.
//
// # Use
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
// It imports no other room; only cmd/bridge imports it.
package logging
