// Package commits says when to commit, and how much to write beside an offset.
//
// A Schedule is that of one session's commits, a Limit is what the broker of one
// partition takes as metadata. Both are pure: the caller passes the time. The session's
// loop is their only user.
package commits
