// Package imports brings the lines of namespaces to the import API, and what cannot be
// brought there to where its policy says.
//
// Its state has owners. Each holds those below it that it calls; none knows one above:
//
//	Attempts     imports: which is tried next, and what came of it
//	DeadLetters  records on their way to the dead-letter topic
//	Filing       stored imports whose receipt is not acknowledged
//	Lines        the lines of namespaces: in open batches, in sealed ones, or shed
//
// A line is in an open batch, in a sealed one, which is an Upload, or has left memory:
// then a mark stays at the first one that did, and a catch-up read brings them back. A
// refused batch is read again too, for its original records, where the policy is dlq.
// What wants such reads stands in CatchUp; the session makes them.
//
// The loop of the session is the only caller of all of it. An attempt runs on a
// goroutine of its own that reports on Attempts.Results, a write to the dead-letter
// topic on one that reports on DeadLetters.Acks, and an acknowledged receipt comes by
// Filing.Filed: the loop passes what comes to Attempted, Answered and Receipted.
package imports
