// Package assignment is what this member was assigned for one generation: the
// partitions, what is done in each, why one is not read, and what the group is told.
//
// A Generation is what every owner of a session's state knows: the process, the member,
// how far its life has come, and the contexts that end with it. On top of it an
// Assignment owns the partitions. It says what becomes of their ledgers' nodes, pauses
// reading and lets it go on, holds records and ranges, and reports each of that. It
// never decides what is stored: whoever has stored or dropped lines says so by their
// nodes.
//
// A Committer commits the watermark and the frontier of each partition, at the pace of
// its Schedule, and judges the answers: one that was refused is sent again, one of a
// denied topic rests, and one that says that another member owns the partitions fences
// the generation. At the end it makes sure that no commit without an answer overtakes
// the last one, and leaves what the group could not be told to the process's
// recollections.
//
// The loop of the session is the only caller of all of it. A commit under way runs on a
// goroutine that reports on Done, which the loop passes to Answer.
package assignment
