// Package assignment is what this member was assigned for one generation: the
// partitions, what is done in each, and why one is not read.
//
// A Generation is what every owner of a session's state knows: the process, the member,
// how far its life has come, and the contexts that end with it. On top of it an
// Assignment owns the partitions. It says what becomes of their ledgers' nodes, pauses
// reading and lets it go on, holds records and ranges, and reports each of that. It
// never decides what is stored: whoever has stored or dropped lines says so by their
// nodes.
//
// The loop of the session is the only caller of all of it.
package assignment
