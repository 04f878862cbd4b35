// Package committer tells the group what is done.
//
// A Committer commits the watermark and the frontier of each partition of an
// Assignment, at the pace of package commits, and judges the answers: one that was
// refused is sent again, one of a denied topic rests, and one that says that another
// member owns the partitions fences the generation. At the end it makes sure that no
// commit without an answer overtakes the last one, and leaves what the group could not
// be told to the process's recollections.
//
// The loop of the session is its only caller. A commit under way runs on a goroutine
// that reports on Done, which the loop passes to Answer.
package committer
