// Package importer is the client of the import API: it asks for an upload URL,
// PUTs one batch's bytes to it, and asks what became of it.
//
// # What it owns
//
// The three HTTP calls, the connections under them, and the judgement of every
// answer: one [Outcome] with one [Class] per attempt. It makes one attempt at a
// time. When to try again, how many may run at once, and what an outcome means
// for a batch, a namespace or an offset is the caller's to decide; the importer
// knows nothing of Kafka, of records, or of schedules.
//
// # What it promises
//
//   - Stored is said only after a 2xx answer to the PUT, or once the store or the
//     API has said that the upload is there. A cancelled attempt is not an
//     outcome: it acknowledges nothing.
//   - An upload URL is kept between attempts. A batch whose fate is unknown is
//     asked about, or repeated under its URL on condition that nothing is there;
//     where neither can tell, and it is sent again, [Import.MayRepeat] says so.
//   - The caller's guard is asked before each call and before each piece of the
//     body: once it fails, no complete body leaves this process.
//   - When [Import.Attempt] returns, nothing reads the import's body any more.
//   - Time and memory of an attempt are bounded, whatever the other side sends.
//   - No key, no upload URL's query and no answer's text is in any error.
//
// # Concurrency
//
// A [Client] is safe for concurrent use; an [Import] is not. Attempts start no
// goroutine that outlives them. Idle connections are closed by a timer, or by
// [Client.Close].
//
// cmd/bridge makes the Client. follow and the session's rooms (process, imports) know
// its types.
package importer
