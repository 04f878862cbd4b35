// Package follow finds out what became of the imports that are stored: stored
// is not accepted, since the import API evaluates a batch only after its upload.
//
// # What it owns
//
// The list of imports whose end is not known, when each is asked about next, and
// the latest verdicts. It owns no offset and no batch: whatever it finds out,
// nothing is committed, held or sent again for it. An import that fails was
// received by the API, and is for people to look into.
//
// # Who calls it
//
// The bridge's session calls [Follower.Stored] for each stored import, the status
// page and the metrics read. cmd/bridge runs [Follower.Run] for the life of the
// process, longer than any generation of the group.
//
// # Concurrency
//
// One goroutine, Run's, asks the API, one question at a time. All methods are
// safe for concurrent use and wait for nothing but a mutex that is never held
// during a question: to call it, to read and to scrape take microseconds.
//
// # Bounds
//
// At most Config.MaxImports are followed, each for at most Config.MaxAge, with
// at most ten questions a second in all. What finds no room is counted as
// unfollowed; what is given up, or still open when the process stops, as
// unknown. [schedule] decides which import is asked about next; it is pure.
package follow
