// Package discovery asks the brokers what a session has to know before and beside its
// reading: where its partitions start, what a log holds that no longer has the
// position, and what has changed in the cluster since the group was joined.
//
// Starts, Watch and Extent run on goroutines of their own, which the session starts and
// which end with their context. They hold nothing of the session: what they find goes
// to its loop by a channel. Where a partition starts is decided by ledger.Resume; a
// Recollection is what an earlier session of this process could not commit.
package discovery
