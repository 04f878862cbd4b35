// Package letters is the way of records to the dead-letter topic: what a letter says,
// and how many of them may wait.
//
// A Queue is an outbox.Queue with the letters of one session that the topic has not
// acknowledged, within bounds of their number and, by the budget, of their bytes. It has
// no goroutine and no clock: the session's loop is its only caller, and passes the time.
// The loop starts outbox.Write, of one batch at a time, on a goroutine that gives the
// errors back to the loop. Whom a letter concerns is the loop's to know, by the letter's
// Owner: the queue never looks at it.
package letters
